/** The accounts that a broker has for several devices. */
import { clientId as clientIdOf } from "../../lib/store/profile.js";
import { Account, type Login } from "./account.js";
import type { Resident } from "./scene.js";

export class Accounts {
  readonly #byClientId: ReadonlyMap<string, Account>;
  /** Whose account everybody else has to know. */
  readonly #first: Account;

  /** @param residents at least one */
  constructor(residents: readonly Resident[]) {
    const accounts = residents.map(
      (resident) => [clientIdOf(resident.options.profile), account(resident)] as const,
    );
    this.#byClientId = new Map(accounts);
    this.#first = accounts[0]![1];
  }

  admits(login: Login): boolean {
    return this.#of(login.clientId).admits(login);
  }

  /** With what somebody of this client id gets in now; undefined: with nothing. */
  passwordFor(clientId: string): string | undefined {
    return this.#of(clientId).passwordFor(clientId);
  }

  #of(clientId: string): Account {
    return this.#byClientId.get(clientId) ?? this.#first;
  }
}

function account({ options, deviceSecret, nowMs }: Resident): Account {
  const { profile, secrets, broker } = options;
  return new Account(profile, {
    ...secrets,
    deviceSecret,
    // An external broker has a clock of its own.
    nowSeconds: () => (broker ? Date.now() : nowMs()) / 1000,
  });
}
