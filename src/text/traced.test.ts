import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { endOf, lowerCase, normalForm, prepend, replaceEach, slice, startOf, type Traced, traced } from './traced.ts';

const origins = (t: Traced): [string, number, number][] =>
  Array.from({ length: t.text.length }, (_, i) => [t.text[i]!, startOf(t, i), endOf(t, i + 1)]);

describe('a text that remembers where it came from', () => {
  it('gives a replacement the whole of what it replaced, and an insertion no room', () => {
    const replaced = replaceEach(traced('abbc', 10), /bb/g, () => 'xyz');
    expect(origins(replaced)).toEqual([
      ['a', 10, 11],
      ['x', 11, 13],
      ['y', 11, 13],
      ['z', 11, 13],
      ['c', 13, 14],
    ]);
    expect(origins(slice(replaced, 3, 5))).toEqual(origins(replaced).slice(3));
    expect(origins(prepend(traced('a', 5), ' '))).toEqual([
      [' ', 5, 5],
      ['a', 5, 6],
    ]);
    expect(origins(replaceEach(traced('ab'), /(?=b)/g, () => '-'))[1]).toEqual(['-', 1, 1]);
  });

  it('keeps the place of a letter whose marks change places', () => {
    expect(origins(normalForm(traced('xa\u0307\u0323'), 'NFD'))).toEqual([
      ['x', 0, 1],
      ['a', 1, 2],
      ['\u0323', 2, 4],
      ['\u0307', 2, 4],
    ]);
    expect(origins(normalForm(traced('e\u0301\ufb01'), 'NFKC'))).toEqual([
      ['é', 0, 2],
      ['f', 2, 3],
      ['i', 2, 3],
    ]);
  });

  const character = fc.oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
    fc.constantFrom(...'\u0301\u0323\u0345\u302e\u3099\uff9e\u1100\u1161\u11a8\uac00\u09c7\u09be\u0130\u03a3\ud800'),
    fc.constantFrom('\u{16d63}', '\u{16d67}', '\u{1d158}', '\u{1d165}', '\u{11131}', '\u{11127}'),
    fc.integer({ min: 0x300, max: 0x36f }).map((code) => String.fromCodePoint(code)),
  );
  const text = fc.array(character, { maxLength: 8 }).map((parts) => parts.join(''));

  it.each(['NFC', 'NFD', 'NFKC', 'NFKD'] as const)('normalises by %s as the platform does', (form) => {
    fc.assert(
      fc.property(text, (given) => {
        const normal = normalForm(traced(given), form);
        expect(normal.text).toBe(given.normalize(form));
        for (const [, start, end] of origins(normal))
          expect(start >= 0 && start < end && end <= given.length).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it('lower-cases as the platform does', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(lowerCase(traced(given)).text).toBe(given.toLowerCase());
      }),
    );
    expect(origins(lowerCase(traced('\u0130S')))).toEqual([
      ['i', 0, 1],
      ['\u0307', 0, 1],
      ['s', 1, 2],
    ]);
  });
});
