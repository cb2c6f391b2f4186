/*
 * Deep sleep takes the power from RAM: every key and the generator's state are gone. A board needs no call for
 * that; the simulator, which sleeps within one process, calls this after it has deleted the machine.
 */
#ifndef DORMOUSE_CRYPTO_RESET_H
#define DORMOUSE_CRYPTO_RESET_H

void crypto_reset(void);

#endif
