import { deflateRawSync } from 'node:zlib';
import { crc32 } from './crc.ts';

/** A file to pack; what is left out is as it should be, what is given may be wrong. */
export interface Packing {
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly stored?: boolean;
  /** What stands in its own header instead of its path. */
  readonly localPath?: string;
  /** Bytes of an extra field in its own header alone. */
  readonly extra?: number;
  /** Sizes and sum behind the bytes, and none in its own header: so do packers that write to a stream. */
  readonly streamed?: boolean;
  readonly packed?: Uint8Array;
  readonly size?: number;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
}

const record = (...fields: readonly (readonly [bytes: 2 | 4, value: number])[]): Buffer => {
  const bytes = Buffer.alloc(fields.reduce((sum, [length]) => sum + length, 0));
  let at = 0;
  for (const [length, value] of fields) at = bytes.writeUIntLE(value, at, length);
  return bytes;
};

/** A zip archive, written from the layout in APPNOTE.TXT without the reader's help. */
export const zipOf = (files: readonly Packing[], comment = ''): Buffer => {
  const [bodies, directory]: Buffer[][] = [[], []];
  let offset = 0;
  for (const file of files) {
    const { path, bytes, stored = false, localPath = path, extra = 0, streamed = false } = file;
    const packed = Buffer.from(file.packed ?? (stored ? bytes : deflateRawSync(bytes)));
    const method = file.method ?? (stored ? 0 : 8);
    const flags = file.flags ?? (streamed ? 8 : 0);
    const sums = [
      [4, file.crc ?? crc32(bytes)],
      [4, packed.length],
      [4, file.size ?? bytes.length],
    ] as const;
    const local = streamed ? sums.map(([width]) => [width, 0] as const) : sums;
    const [name, localName] = [Buffer.from(path), Buffer.from(localPath)];
    const both = [
      [2, 20],
      [2, flags],
      [2, method],
      [4, 0],
    ] as const;
    const body = [
      record([4, 0x04034b50], ...both, ...local, [2, localName.length], [2, extra]),
      localName,
      Buffer.alloc(extra),
      packed,
      streamed ? record([4, 0x08074b50], ...sums) : Buffer.alloc(0),
    ];
    directory.push(
      record(
        ...([
          [4, 0x02014b50],
          [2, 20],
          ...both,
          ...sums,
          [2, name.length],
          [2, 0],
          [2, 0],
          [2, 0],
          [2, 0],
          [4, 0],
          [4, offset],
        ] as const),
      ),
      name,
    );
    bodies.push(...body);
    offset += body.reduce((sum, part) => sum + part.length, 0);
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const count = files.length;
  const end = record(
    [4, 0x06054b50],
    [2, 0],
    [2, 0],
    [2, count],
    [2, count],
    [4, length],
    [4, offset],
    [2, Buffer.byteLength(comment)],
  );
  return Buffer.concat([...bodies, ...directory, end, Buffer.from(comment)]);
};
