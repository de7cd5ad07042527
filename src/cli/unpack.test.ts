import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, OmoeError } from '../errors.ts';
import { type Packing, zipOf } from '../io/zip.fixture.ts';
import { scratch } from './command.fixture.ts';
import { type UnpackOptions, unpack } from './unpack.ts';

const text = (value: string) => Buffer.from(value);

/** Unpacks one file of an archive, `T/a`, as `a`; whatever else is in the folder afterwards is told too. */
const unpackOf = async (files: readonly Packing[], options?: UnpackOptions, change = (zip: Buffer) => zip) => {
  const folder = scratch();
  writeFileSync(join(folder, 'x.zip'), change(zipOf(files)));
  const error = await unpack(join(folder, 'x.zip'), [{ path: 'T/a', name: 'a' }], folder, options).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  const names = readdirSync(folder).filter((name) => name !== 'x.zip');
  return { error, names, bytes: names.includes('a') ? readFileSync(join(folder, 'a')) : null };
};

const refused = async (
  expected: RegExp,
  files: readonly Packing[],
  ...rest: [UnpackOptions?, ((zip: Buffer) => Buffer)?]
) => {
  const { error, names } = await unpackOf(files, ...rest);
  expect(error).toBeInstanceOf(DataError);
  expect(String(error)).toMatch(expected);
  expect(String(error)).toContain('x.zip');
  expect(names).toEqual([]);
};

const a = { path: 'T/a', bytes: text('some text, some text, some text') };

describe('unpack', () => {
  it('unpacks any bytes, stored or deflated', async () => {
    const root = scratch();
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 3000 }),
        fc.nat(100),
        fc.boolean(),
        fc.boolean(),
        async (few, times, stored, streamed) => {
          const bytes = Buffer.concat(Array.from({ length: times }, () => few));
          const folder = mkdtempSync(join(root, 'x'));
          writeFileSync(
            join(folder, 'x.zip'),
            zipOf([
              { path: 'b', bytes: text('b') },
              { path: 'T/a', bytes, stored, streamed },
            ]),
          );
          const members = [{ path: 'T/a', name: 'a' }];
          expect(await unpack(join(folder, 'x.zip'), members, folder)).toEqual([{ file: 'a', outcome: 'unpacked' }]);
          expect(readFileSync(join(folder, 'a')).equals(bytes)).toBe(true);
          expect(await unpack(join(folder, 'x.zip'), members, folder)).toEqual([{ file: 'a', outcome: 'there' }]);
          expect(readdirSync(folder).sort()).toEqual(['a', 'x.zip']);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('takes the files it is asked for, in their order, and no other', async () => {
    const folder = scratch();
    const names = ['T/train.tsv', 'T/', 'T/dev.tsv', '__MACOSX/T/._dev.tsv', 'T/original/raw.tsv'];
    writeFileSync(join(folder, 'x.zip'), zipOf(names.map((path) => ({ path, bytes: text(path) }))));
    const outcomes = await unpack(
      join(folder, 'x.zip'),
      [
        { path: 'T/dev.tsv', name: 'dev.tsv' },
        { path: 'T/LICENSE', name: 'LICENSE', ifThere: true },
        { path: 'T/train.tsv', name: 'train.tsv', ifThere: true },
      ],
      folder,
    );
    expect(outcomes.map(({ file }) => file)).toEqual(['dev.tsv', 'train.tsv']);
    expect(readdirSync(folder).sort()).toEqual(['dev.tsv', 'train.tsv', 'x.zip']);
    expect(readFileSync(join(folder, 'dev.tsv'), 'utf8')).toBe('T/dev.tsv');
  });

  it('never overwrites another file, were it as long', async () => {
    for (const mine of ['mine', 'mine text, some text, some text']) {
      const folder = scratch();
      writeFileSync(join(folder, 'x.zip'), zipOf([a]));
      writeFileSync(join(folder, 'a'), mine);
      await expect(unpack(join(folder, 'x.zip'), [{ path: 'T/a', name: 'a' }], folder)).rejects.toThrow(
        /unpack .*a: received another file of this name, expected none\. Move it away/,
      );
      expect(readFileSync(join(folder, 'a'), 'utf8')).toBe(mine);
    }
  });

  it('refuses a path that leads out of the folder', async () => {
    await refused(/the path "T\/\.\.\/\.\.\/b"/, [a, { path: 'T/../../b', bytes: text('b') }]);
  });

  it('refuses what unpacks to more than it says, and writes none of the rest', async () => {
    const bytes = Buffer.alloc(2_000_000);
    await refused(/more than 100 bytes in T\/a/, [{ path: 'T/a', bytes, size: 100 }]);
    await refused(/T\/a of 2000000 bytes, expected at most 1999999/, [{ path: 'T/a', bytes }], { most: 1_999_999 });
    await refused(/T\/a of 4294967295 bytes, expected at most 2147483647/, [{ ...a, size: 0xffffffff }]);
    await refused(/T\/a of 2000000000 bytes, packed into \d+/, [{ ...a, size: 2e9 }]);
    await refused(/T\/a of 32 bytes, packed into 31/, [{ ...a, stored: true, size: 32 }]);
  });

  it('takes the largest expansion that deflate has', async () => {
    const bytes = Buffer.alloc(5_000_000);
    const packed = deflateRawSync(bytes, { level: 9 });
    expect(bytes.length / packed.length).toBeGreaterThan(1000);
    const unpacked = await unpackOf([{ path: 'T/a', bytes, packed }]);
    expect(unpacked.error).toBeNull();
    expect(unpacked.bytes!.equals(bytes)).toBe(true);
  });

  it('refuses a damaged file', async () => {
    const packed = deflateRawSync(a.bytes);
    await refused(/T\/a that does not unpack \(Z_BUF_ERROR\)/, [{ ...a, packed: packed.subarray(0, -4) }]);
    await refused(/T\/a that does not unpack \(Z_DATA_ERROR\)/, [{ ...a, packed: Buffer.alloc(20, 7) }]);
    await refused(/T\/a that ends after 31 bytes, expected 32/, [{ ...a, size: 32 }]);
    await refused(/T\/a with the CRC-32 [0-9a-f]{8}, expected 0000abcd/, [{ ...a, crc: 0xabcd }]);
    await refused(/without its end: cut short/, [a], {}, (zip) => zip.subarray(0, -1));
  });

  it('refuses what is not there, is there twice, or cannot be read', async () => {
    await refused(/no T\/a in it, expected one/, [{ ...a, path: 'T/b' }]);
    await refused(/more than one T\/a in it/, [a, a]);
    await refused(/T\/a under a password/, [{ ...a, flags: 1 }]);
    await refused(/T\/a packed by method 93/, [{ ...a, method: 93 }]);
  });

  it('says what it cannot read or write', async () => {
    const folder = scratch();
    await expect(unpack(join(folder, 'x.zip'), [], folder)).rejects.toThrow(/^read .*x\.zip: /);
    writeFileSync(join(folder, 'x.zip'), zipOf([a]));
    const members = [{ path: 'T/a', name: 'a' }];
    const gone = unpack(join(folder, 'x.zip'), members, join(folder, 'none'));
    await expect(gone).rejects.toBeInstanceOf(OmoeError);
    await expect(gone).rejects.toThrow(/^write .*none.*the folder is gone \(ENOENT\)/);
    mkdirSync(join(folder, 'a'));
    await expect(unpack(join(folder, 'x.zip'), members, folder)).rejects.toThrow(/another file of this name/);
  });

  it('stops on a signal, and leaves no part', async () => {
    const abort = new AbortController();
    abort.abort();
    const { error, names } = await unpackOf([a], { signal: abort.signal });
    expect(error).toMatchObject({ name: 'AbortError' });
    expect(names).toEqual([]);
  });
});
