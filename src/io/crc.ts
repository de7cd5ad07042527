/** Cyclic redundancy checks of 32 bits, of the reflected polynomial; `before` goes on from the sum of what stood before the bytes. */
export type Crc = (bytes: Uint8Array, before?: number) => number;

function crcOf(polynomial: number): Crc {
  /** The remainder of each byte. */
  const table = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ polynomial : crc >>> 1;
    return crc;
  });
  return (bytes, before = 0) => {
    let crc = ~before;
    for (const byte of bytes) crc = table[(crc ^ byte) & 0xff] ^ (crc >>> 8);
    return ~crc >>> 0;
  };
}

/** CRC-32 as zip and gzip have it (APPNOTE 4.4.7). Node's own is not in every Node 20. */
export const crc32 = crcOf(0xedb88320);

/** CRC-32C (Castagnoli 1993), as iSCSI (RFC 3720, B.4) and TFRecord have it. */
export const crc32c = crcOf(0x82f63b78);
