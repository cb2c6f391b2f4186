/**
 * An access point with the DHCP server behind it, and what they know of one board: whether it is joined, which address
 * it was granted until when. A board that uses an address that is not its own is heard by nobody.
 */

export interface AccessPoint {
  readonly ssid: string;
  /** Empty: open. */
  readonly password: string;
  readonly bssid: string;
  readonly channel: number;
  readonly rssi: number;
  /** What its DHCP server hands out to this board, and for how long. */
  readonly address: string;
  readonly mask: string;
  readonly gateway: string;
  readonly nameServer: string;
  readonly leaseSeconds: number;
}

/** An address that the board was told by its own memory instead of by DHCP. */
export interface StaticAddress {
  readonly address: string;
  readonly nameServer?: string;
}

export class Station {
  #point: AccessPoint | undefined;
  #address: string | undefined;
  #nameServer: string | undefined;
  #leased = "";
  #leaseEndsAtMs = 0;
  /** It has its address by DHCP, and asks for a longer lease in time. */
  #renews = false;

  /** The board has joined. */
  join(point: AccessPoint, fixed: StaticAddress | undefined): void {
    this.#point = point;
    this.#address = fixed?.address;
    this.#nameServer = fixed?.nameServer;
    this.#renews = false;
  }

  leave(): void {
    this.#point = this.#address = undefined;
  }

  /** What DHCP grants now; undefined when no access point is joined. */
  lease(atMs: number): AccessPoint | undefined {
    const point = this.#point;
    if (!point) return undefined;
    this.#leased = this.#address = point.address;
    this.#nameServer = point.nameServer;
    this.#leaseEndsAtMs = atMs + 1000 * point.leaseSeconds;
    this.#renews = true;
    return point;
  }

  /** Whether packets of the board come to anybody and the answers back. */
  reached(atMs: number): boolean {
    const mine = this.#address !== undefined && this.#address === this.#leased;
    return mine && this.#point?.address === this.#address && (this.#renews || atMs < this.#leaseEndsAtMs);
  }

  /** Whether a question of the board comes to its name server. */
  hasNames(atMs: number): boolean {
    return this.reached(atMs) && this.#nameServer === this.#point?.nameServer;
  }
}
