import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { longestFirst } from './template.ts';
import type { Piece } from './tokenizer.ts';
import { windows } from './windows.ts';
import { wordPieces } from './wordpiece.ts';
import { piecesOfWords } from './words.ts';

const { tokenizer } = wordPieces(['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'go', '##ing', ',', 'a', '##b']);
const numbered = (count: number, from = 0): Piece[] =>
  Array.from({ length: count }, (_, i) => ({ id: from + i, start: i, end: i + 1 }));

describe('cutting two texts', () => {
  it('takes one piece at a time from the longer, from the second of equals', () => {
    const count = fc.integer({ min: 0, max: 12 });
    fc.assert(
      fc.property(count, count, fc.integer({ min: 0, max: 26 }), (a, b, room) => {
        let [first, second] = [a, b];
        while (first + second > room) first > second ? first-- : second--;
        expect(longestFirst(a, b, room)).toEqual([first, second]);
      }),
    );
  });

  it('cuts joined texts, never the special tokens', () => {
    const encoding = tokenizer.join(numbered(4, 10), numbered(3, 20), 8);
    expect([...encoding.tokens]).toEqual([2, 10, 11, 12, 3, 20, 21, 3]);
    expect([...encoding.segments]).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect([...encoding.sequence]).toEqual([-1, 0, 0, 0, -1, 1, 1, -1]);
    expect([...encoding.piece]).toEqual([-1, 0, 1, 2, -1, 0, 1, -1]);
    expect([...tokenizer.join(numbered(4, 10), null, 4).tokens]).toEqual([2, 10, 11, 3]);
    expect([...tokenizer.join(numbered(4), [], 3).tokens]).toEqual([2, 3, 3]);
    expect([tokenizer.specials(false), tokenizer.specials(true)]).toEqual([2, 3]);
  });

  it('refuses a length that holds no more than special tokens would need', () => {
    expect(() => tokenizer.join([], [], 2)).toThrow(/a length of 2, expected at least 3/);
    expect(() => tokenizer.join([], null, Number.NaN)).toThrow(UsageError);
  });
});

describe('windows over a long text', () => {
  it('moves by the stride and ends with the first window that reaches the end', () => {
    const found = windows(tokenizer, numbered(2, 90), numbered(10), 9, 3);
    expect(found.map(({ from, to }) => [from, to])).toEqual([
      [0, 4],
      [3, 7],
      [6, 10],
    ]);
    expect(found[1]!.first).toBe(4);
    expect([...found[1]!.encoding.tokens]).toEqual([2, 90, 91, 3, 3, 4, 5, 6, 3]);
  });

  it('has every piece in some window at the place it says, each window within the length', () => {
    const setting = fc.record({
      pieces: fc.integer({ min: 0, max: 40 }),
      question: fc.option(fc.integer({ min: 0, max: 5 })),
      room: fc.integer({ min: 1, max: 9 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(setting, ({ pieces, question, room, part }) => {
        const asked = question === null ? null : numbered(question, 100);
        const length = tokenizer.specials(asked !== null) + (question ?? 0) + room;
        const stride = 1 + Math.floor(part * (room - 1));
        const found = windows(tokenizer, asked, numbered(pieces), length, stride);
        const seen = new Set<number>();
        for (const { encoding, from, to, first } of found) {
          expect(encoding.tokens.length).toBeLessThanOrEqual(length);
          for (let piece = from; piece < to; piece++) {
            expect(encoding.tokens[first + piece - from]).toBe(piece);
            seen.add(piece);
          }
        }
        expect(seen.size).toBe(pieces);
        expect(found.slice(0, -1).every(({ to }) => to < pieces)).toBe(true);
      }),
    );
  });

  it('refuses what leaves no room or leaves pieces out', () => {
    expect(() => windows(tokenizer, numbered(5), numbered(3), 8, 1)).toThrow(/a length of 8, expected more than 8/);
    expect(() => windows(tokenizer, null, numbered(3), 4, 3)).toThrow(/a stride of 3, expected 1 to 2/);
    expect(() => windows(tokenizer, null, numbered(3), 4, 0)).toThrow(UsageError);
  });
});

describe('words to pieces', () => {
  it('finds the first piece of each word, if it has one', () => {
    const found = piecesOfWords(tokenizer, ['going', '\ufe0f', '', 'a,b', 'x'.repeat(101)]);
    expect([...found.first]).toEqual([0, -1, -1, 2, 5]);
    expect([...found.word]).toEqual([0, 0, 3, 3, 3, 4]);
    expect(found.pieces.map(({ start, end }) => [start, end])).toEqual([
      [0, 2],
      [2, 5],
      [0, 1],
      [1, 2],
      [2, 3],
      [0, 101],
    ]);
    expect(found.pieces[5]!.id).toBe(tokenizer.unknown);
  });

  it('gives words the space that a tokenizer counts into them', () => {
    const spaced = { ...tokenizer, wordPrefix: ' ', pieces: (text: string) => numbered(1, text === ' a' ? 7 : 8) };
    expect(piecesOfWords(spaced, ['a']).pieces).toEqual([{ id: 7, start: 0, end: 0 }]);
  });
});
