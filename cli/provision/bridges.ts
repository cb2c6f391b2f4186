/** What sits between USB and a board's serial port, by its USB ids: the makers' own lists. */

interface Bridge {
  readonly vendor: string;
  /** Any of the vendor's when there is none. */
  readonly product?: string;
  readonly name: string;
}

/** The first that fits counts. Silicon Labs AN571, WCH's CH341SER and CH343SER .inf files, FTDI AN_232B-10, espressif/usb-pids. */
const bridges: readonly Bridge[] = [
  { vendor: "303a", product: "1001", name: "Espressif USB-Serial-JTAG" },
  { vendor: "303a", name: "Espressif USB" },
  { vendor: "10c4", product: "ea60", name: "CP210x" },
  { vendor: "10c4", product: "ea70", name: "CP2105" },
  { vendor: "10c4", product: "ea71", name: "CP2108" },
  { vendor: "1a86", product: "7522", name: "CH340" },
  { vendor: "1a86", product: "7523", name: "CH340" },
  { vendor: "1a86", product: "5523", name: "CH341" },
  { vendor: "1a86", product: "55d3", name: "CH343" },
  { vendor: "1a86", product: "55d4", name: "CH9102" },
  { vendor: "0403", product: "6001", name: "FTDI FT232R" },
  { vendor: "0403", product: "6010", name: "FTDI FT2232" },
  { vendor: "0403", product: "6011", name: "FTDI FT4232" },
  { vendor: "0403", product: "6014", name: "FTDI FT232H" },
  { vendor: "0403", product: "6015", name: "FTDI FT231X" },
  { vendor: "0403", name: "FTDI" },
  { vendor: "067b", name: "Prolific PL2303" },
];

/** @param vendor, product hex digits, as USB ids are written @returns undefined when nothing here fits */
export function bridgeName(vendor: string | undefined, product: string | undefined): string | undefined {
  const [v, p] = [vendor?.toLowerCase(), product?.toLowerCase()];
  return bridges.find((known) => known.vendor === v && (!known.product || known.product === p))?.name;
}
