/** Every truncation of a message, and every byte with one bit flipped; the message is whole again afterwards. */
export function damaged(message: Uint8Array, see: (data: Uint8Array, what: string) => void): void {
  for (let length = 0; length < message.length; length++)
    see(message.subarray(0, length), `cut to ${length}`);
  for (let i = 0; i < message.length; i++) {
    message[i]! ^= 1 << (i % 8);
    see(message, `flip at ${i}`);
    message[i]! ^= 1 << (i % 8);
  }
}
