import { readFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { readLines, splitLines } from './lines.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('splitLines', () => {
  it('ends a line at \\n and nowhere else', () => {
    expect(splitLines(bytes('a\u2028b\u0085c\fd\n"e\nf"'), 'x')).toEqual(['a\u2028b\u0085c\fd', '"e', 'f"']);
  });

  it('drops a byte order mark at the start only', () => {
    expect(splitLines(bytes('\ufeffa\n\ufeffb'), 'x')).toEqual(['a', '\ufeffb']);
  });

  it('takes \\r\\n for a line end and keeps other \\r', () => {
    expect(splitLines(bytes('a\r\nb\rc\r\nd\r'), 'x')).toEqual(['a', 'b\rc', 'd']);
  });

  it('keeps empty lines, but a final newline starts no further line', () => {
    expect(splitLines(bytes('\na\n\n'), 'x')).toEqual(['', 'a', '']);
  });

  it('joins back to what was written', () => {
    const line = fc.string({ unit: 'binary' }).map((text) => text.replaceAll(/[\n\r\ufeff]/g, ''));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1 }), fc.boolean(), (lines, ended) => {
        const text = lines.join('\n') + (ended ? '\n' : '');
        fc.pre(text.length > 0 && (ended || lines[lines.length - 1] !== ''));
        expect(splitLines(bytes(text), 'x')).toEqual(lines);
      }),
    );
  });

  it('names the line that is not UTF-8', () => {
    const broken = Uint8Array.of(...bytes('good\nalso good\nbad '), 0xff, 0x0a, 0x61);
    expect(() => splitLines(broken, 'there.tsv')).toThrow(/not UTF-8 at there\.tsv:3,/);
    // A sequence cut off by the end of the file.
    expect(() => splitLines(Uint8Array.of(0x61, 0x0a, 0xc3), 'cut.tsv')).toThrow(/cut\.tsv:2,/);
  });

  it('refuses an empty text', () => {
    expect(() => splitLines(bytes(''), 'x')).toThrow(DataError);
    expect(() => splitLines(bytes('\ufeff'), 'x')).toThrow(/empty file/);
  });
});

describe('readLines', () => {
  it('says what is missing', async () => {
    await expect(readLines('nowhere/vocab.txt', 'a vocabulary', readFile)).rejects.toThrow(
      'read file: received no such file, nowhere/vocab.txt, expected a vocabulary.',
    );
    await expect(readLines('src', 'a vocabulary', readFile)).rejects.toThrow(/received a folder, src/);
    await expect(readLines('nowhere', 'a vocabulary', readFile)).rejects.toThrow(DataError);
  });
  it('says what a reader of another kind threw, and keeps it as the cause', async () => {
    const cause = new TypeError('Failed to fetch');
    const failed = await readLines('v.txt', 'a vocabulary', () => Promise.reject(cause)).catch((error) => error);
    expect(failed).toBeInstanceOf(DataError);
    expect(failed).toMatchObject({
      message: 'read file: received Failed to fetch, v.txt, expected a vocabulary.',
      cause,
    });
  });
});
