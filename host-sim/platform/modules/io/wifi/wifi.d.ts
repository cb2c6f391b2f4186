/** ECMA-419 Wi-Fi interface, the part of the SDK's that the firmware uses. */
declare module "embedded:network/interface/wifi" {
  export interface WiFiConstructorOptions {
    onChanged?: (property: "connection" | "address") => void;
  }

  export interface StaticAddress {
    address: string;
    mask: string;
    gateway: string;
  }

  export interface WiFiScanResult {
    SSID: string;
    channel: number;
    RSSI: number;
    BSSID?: string;
  }

  export default class WiFi {
    constructor(options: WiFiConstructorOptions);
    close(): void;
    /** @throws Error when a connect is under way */
    connect(options: { SSID: string; password?: string; channel?: number }): void;
    disconnect(): void;
    /** Tells of each access point in sight, then of the end. @throws Error when a scan is under way */
    scan(options: { onFound?: (found: WiFiScanResult) => void; onComplete?: () => void }): void;
    /** An address without DHCP; with `false` DHCP again, at once where an access point is joined. */
    configure(options: { static: StaticAddress | false }): void;
    /** 200 not connected, 300 connecting, 400 associated, 500 with an address. */
    readonly connection: number;
    readonly address: string | undefined;
    readonly MAC: string | undefined;
    readonly SSID: string | undefined;
    readonly RSSI: number | undefined;
  }
}
