/** `debug` that never speaks. CommonJS, because mqtt-packet calls the module itself. */
module.exports = () => () => {};
