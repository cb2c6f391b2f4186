/** The one place where RTC memory is written: an image in one step, and read back. */
import { type Failure, failure } from "dormouse/failure";
import { readRtc, rtcBytes, writeRtc } from "dormouse/native/power";
import { encodeRtc, type RtcImage } from "dormouse/store/rtc";

/** Undefined when the image stands in RTC memory. */
export function storeRtc(image: RtcImage, secretId: Uint8Array): Failure | "too large" | undefined {
  const encoded = encodeRtc(image, secretId, rtcBytes());
  if ("tooLarge" in encoded) return "too large";
  writeRtc(encoded.data);
  const kept = readRtc();
  if (encoded.data.every((byte, i) => byte === kept[i])) return undefined;
  return failure("storage-failed", "RTC memory does not keep what is written");
}
