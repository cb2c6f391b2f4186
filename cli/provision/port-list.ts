/**
 * The machine's serial ports. On Linux by sysfs, where serialport's own list starts `udevadm`, which a container has not;
 * elsewhere by serialport.
 */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { bridgeName } from "./bridges.js";

export interface SerialPortInfo {
  /** `/dev/ttyUSB0`, `/dev/tty.usbserial-0001`, `COM3`: what --port takes. */
  readonly port: string;
  readonly manufacturer?: string;
  /** Four hex digits each, in small letters. */
  readonly vendorId?: string;
  readonly productId?: string;
  readonly serialNumber?: string;
  /** The chip between USB and the board, as far as the ids tell. */
  readonly bridge?: string;
}

export async function serialPorts(): Promise<SerialPortInfo[]> {
  return process.platform === "linux" ? linuxPorts() : listedPorts();
}

async function listedPorts(): Promise<SerialPortInfo[]> {
  const { SerialPort } = await import("serialport");
  return (await SerialPort.list()).map(({ path, ...known }) => port(path, known));
}

/**
 * A port whose device has gone meanwhile is left out, or shown with what is known of it.
 * @param classFolder sysfs's, see Linux Documentation/ABI/testing/sysfs-tty
 */
export function linuxPorts(classFolder = "/sys/class/tty"): SerialPortInfo[] {
  let names: string[];
  try {
    names = readdirSync(classFolder);
  } catch {
    return [];
  }
  const ports = names.flatMap((name) => {
    if (/^ttyS\d+$/.test(name) && !isUart(join(classFolder, name))) return [];
    const device =
      /^tty(S|USB|ACM|AMA|XRUSB|WCHUSB)\d+$/.test(name) && resolved(join(classFolder, name, "device"));
    return device ? [port(`/dev/${name}`, usbDevice(device))] : [];
  });
  return ports.sort((a, b) => a.port.localeCompare(b.port, "en", { numeric: true }));
}

type UsbDevice = {
  readonly [name in Exclude<keyof SerialPortInfo, "port" | "bridge">]?: string | undefined;
};

function port(path: string, { manufacturer, vendorId, productId, serialNumber }: UsbDevice): SerialPortInfo {
  const vendor = vendorId?.toLowerCase();
  const product = productId?.toLowerCase();
  const bridge = bridgeName(vendor, product);
  return {
    port: path,
    ...(manufacturer && { manufacturer }),
    ...(vendor && { vendorId: vendor }),
    ...(product && { productId: product }),
    ...(serialNumber && { serialNumber }),
    ...(bridge && { bridge }),
  };
}

/** Linux has 4 to 32 `ttyS` whether there is hardware or not: type 0 is none. */
function isUart(folder: string): boolean {
  return (attribute(folder, "type") ?? "0") !== "0";
}

/** The interface's folder lies in its device's, which has the ids: two levels up for a bridge, one for CDC ACM. */
function usbDevice(device: string): UsbDevice {
  let folder = device;
  for (let level = 0; level < 4; level++) {
    const vendorId = attribute(folder, "idVendor");
    if (vendorId !== undefined)
      return {
        vendorId,
        productId: attribute(folder, "idProduct"),
        manufacturer: attribute(folder, "manufacturer"),
        serialNumber: attribute(folder, "serial"),
      };
    folder = dirname(folder);
  }
  return {};
}

function attribute(folder: string, name: string): string | undefined {
  try {
    return readFileSync(join(folder, name), "utf8").trim();
  } catch {
    return undefined;
  }
}

function resolved(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch {
    return undefined;
  }
}
