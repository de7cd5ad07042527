import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { crc32 } from './crc.ts';
import { type Packing, zipOf } from './zip.fixture.ts';
import { packedStart, type ZipArchive, zipEntries } from './zip.ts';

/** An archive in memory that is never asked for bytes it does not have. */
const archiveOf = (bytes: Uint8Array): ZipArchive => ({
  name: 'x.zip',
  size: bytes.length,
  read: async (start, length) => {
    if (start < 0 || length < 0 || start + length > bytes.length) throw new RangeError(`${start}, ${length}`);
    return bytes.subarray(start, start + length);
  },
});

const text = (value: string) => new TextEncoder().encode(value);
const paths = fc.subarray(['T/', 'T/train.tsv', 'é/ü.jsonl', 'a', '__MACOSX/T/._a']);
const packing = fc.record({
  bytes: fc.uint8Array({ maxLength: 60 }),
  stored: fc.boolean(),
  streamed: fc.boolean(),
  extra: fc.nat(9),
});
const archives = paths.chain((names) =>
  fc.tuple(
    fc.tuple(...names.map((path) => packing.map((file): Packing => ({ path, ...file })))),
    fc.constantFrom('', 'by us', 'PK\x05\x06'),
  ),
);

/** Everything that the reader says of an archive. */
const readAll = async (bytes: Uint8Array) => {
  const archive = archiveOf(bytes);
  const entries = await zipEntries(archive);
  return Promise.all(entries.map(async (entry) => ({ ...entry, start: await packedStart(archive, entry) })));
};

describe('a zip archive', () => {
  it('is read back, whatever is in it', () =>
    fc.assert(
      fc.asyncProperty(archives, async ([files, comment]) => {
        const zip = zipOf(files, comment);
        const entries = await readAll(zip);
        expect(entries.map(({ path, size, crc32: sum }) => ({ path, size, sum }))).toEqual(
          files.map(({ path, bytes }) => ({ path, size: bytes.length, sum: crc32(bytes) })),
        );
        entries.forEach(({ method, start, packed }, i) => {
          if (method === 0) expect(zip.subarray(start, start + packed)).toEqual(Buffer.from(files[i].bytes));
        });
      }),
      { numRuns: 100 },
    ));

  it('is one of another packer, too', async () => {
    // By CPython's zipfile, into a stream without places.
    const zip = Buffer.from(
      'UEsDBBQACAAAAAAAIVAAAAAAAAAAAAAAAAACAAAAYS9QSwcIAAAAAAAAAAAAAAAAUEsDBBQACAAIAAAAIVAAAAAAAAAAAAAAAAALAAAAYS90cmFpbi50c3YrTs0rSc1LTuXMSUxKzeEqJoULAFBLBwjSI9S/FAAAADwAAABQSwECFAMUAAgAAAAAACFQAAAAAAAAAAAAAAAAAgAAAAAAAAAAAAAAgAEAAAAAYS9QSwECFAMUAAgACAAAACFQ0iPUvxQAAAA8AAAACwAAAAAAAAAAAAAAgAEwAAAAYS90cmFpbi50c3ZQSwUGAAAAAAIAAgBpAAAAfQAAAAoAYnkgYW5vdGhlcg==',
      'base64',
    );
    expect(await readAll(zip)).toMatchObject([
      { path: 'a/', size: 0 },
      { path: 'a/train.tsv', method: 8, size: 60, packed: 20, crc32: crc32(text('sentence\tlabel\n'.repeat(4))) },
    ]);
  });

  it('is refused wherever it is cut', async () => {
    const zip = zipOf([{ path: 'a/x', bytes: text('some text') }], 'by us');
    for (let length = 0; length < zip.length; length++)
      await expect(zipEntries(archiveOf(zip.subarray(0, length)))).rejects.toThrow(
        /^unpack x\.zip: received an archive without its end: cut short/,
      );
  });

  it('is refused, or read, with any bytes turned: never read outside of itself', () =>
    fc.assert(
      fc.asyncProperty(
        archives,
        fc.array(fc.tuple(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(255)), {
          minLength: 1,
          maxLength: 3,
        }),
        async ([files, comment], turned) => {
          const zip = zipOf(files, comment);
          for (const [share, byte] of turned) zip[Math.floor(share * zip.length)] = byte;
          await readAll(zip).catch((error) => expect(error).toBeInstanceOf(DataError));
        },
      ),
      { numRuns: 500 },
    ));

  it.each(['../x', 'a/../../x', '/etc/x', '\\x', 'a\\..\\x', 'C:\\x', 'c:x', 'a\0b', '..'])(
    'is refused for the path %j in it',
    async (path) => {
      const zip = zipOf([
        { path: 'a/x', bytes: text('x') },
        { path, bytes: text('y') },
      ]);
      await expect(zipEntries(archiveOf(zip))).rejects.toThrow(
        `unpack x.zip: received the path ${JSON.stringify(path)}`,
      );
    },
  );

  it.each(['a..b', '...', 'a/.b', 'ab:c', 'Icon\r'])('may have the path %j in it', async (path) => {
    expect(await readAll(zipOf([{ path, bytes: text('y') }]))).toMatchObject([{ path }]);
  });

  it('is refused with what is not read', async () => {
    const whole = zipOf([{ path: 'a/x', bytes: text('x') }]);
    const end = whole.length - 22;
    const changed = (offset: number, ...bytes: number[]) => {
      const zip = Buffer.from(whole);
      zip.set(bytes, end + offset);
      return zipEntries(archiveOf(zip));
    };
    await expect(changed(10, 0xff, 0xff)).rejects.toThrow(/a Zip64 archive/);
    await expect(changed(16, 0xff, 0xff, 0xff, 0xff)).rejects.toThrow(/a Zip64 archive/);
    await expect(changed(4, 1)).rejects.toThrow(/one part of an archive in several/);
    await expect(changed(12, 0xff)).rejects.toThrow(/a directory that reaches beyond its end/);
    const commentLength = 32 - 46 - 'a/x'.length;
    await expect(changed(commentLength, 1)).rejects.toThrow(/a directory that ends after 0 of 1 entries/);
    await expect(changed(8, 2, 0, 2)).rejects.toThrow(/a directory that ends after 1 of 2 entries/);
  });

  it('is refused where an entry has another name, no header, or no end', async () => {
    const file = { path: 'a/x', bytes: text('xyz'), stored: true };
    const start = async (bytes: Buffer, change = {}) => {
      const [entry] = await zipEntries(archiveOf(bytes));
      return packedStart(archiveOf(bytes), { ...entry, ...change });
    };
    expect(await start(zipOf([file]))).toBe(33);
    await expect(start(zipOf([{ ...file, localPath: 'a/y' }]))).rejects.toThrow(/a\/x that calls itself "a\/y"/);
    await expect(start(zipOf([file]), { header: 1 })).rejects.toThrow(/a\/x without its header/);
    await expect(start(zipOf([file]), { header: 2 ** 31 })).rejects.toThrow(/a\/x without its header/);
    await expect(start(zipOf([file]), { packed: 200 })).rejects.toThrow(/a\/x that reaches beyond its end/);
  });
});

describe('CRC-32', () => {
  it('has the check value of its catalogue, in one piece and in several', () => {
    expect(crc32(text('123456789'))).toBe(0xcbf43926);
    expect(crc32(text('456789'), crc32(text('123')))).toBe(0xcbf43926);
    expect(crc32(new Uint8Array())).toBe(0);
  });
});
