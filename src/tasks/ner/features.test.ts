import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DataError, DivergedError, ShapeError, UsageError } from '../../errors.ts';
import { letterPieces } from '../pieces.fixture.ts';
import type { Example } from '../types.ts';
import { tagClasses, taggingFeatures, wordWindows } from './features.ts';

const tokenizer = letterPieces();
const classes = tagClasses(['y', 'x', 'x']);
const word = fc.string({ unit: fc.constantFrom(...'ab🦀\ufe0f'), minLength: 1, maxLength: 10 });
const sentence = fc
  .array(fc.tuple(word, fc.constantFrom(...classes)), { minLength: 1, maxLength: 30 })
  .map((words) => ({ words: words.map(([w]) => w), tags: words.map(([, t]) => t), document: 0 }));
const options = fc.record({ length: fc.integer({ min: 3, max: 16 }), overlap: fc.integer({ min: 0, max: 10 }) });

const onehot = ({ tokens, tags }: Example, pad = 0): Float32Array => {
  const output = new Float32Array((tokens.length + pad) * classes.length);
  for (const [token, tag] of tags!.entries()) if (tag >= 0) output[token * classes.length + tag] = 1;
  return output;
};

it('classes are O, then B- and I- of each type', () => {
  expect(classes).toEqual(['O', 'B-x', 'I-x', 'B-y', 'I-y']);
});

describe('windows over words', () => {
  it('hold every word, fit, move on, and overlap as far as they may', () => {
    const counts = fc.array(fc.nat(4), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(counts, fc.integer({ min: 4, max: 12 }), fc.nat(12), (pieces, room, overlap) => {
        const windows = wordWindows(pieces, room, overlap);
        const sum = (first: number, last: number) => pieces.slice(first, last).reduce((a, b) => a + b, 0);
        expect(windows[0][0]).toBe(0);
        expect(windows[windows.length - 1][1]).toBe(pieces.length);
        for (const [w, [first, last]] of windows.entries()) {
          expect(sum(first, last)).toBeLessThanOrEqual(room);
          const next = windows[w + 1];
          if (!next) continue;
          expect(sum(first, last + 1)).toBeGreaterThan(room);
          expect(next[0]).toBeGreaterThan(first);
          expect(next[0]).toBeLessThanOrEqual(last);
          expect(next[1]).toBeGreaterThan(last);
          expect(sum(next[0], last)).toBeLessThanOrEqual(overlap);
        }
      }),
    );
    expect(wordWindows([2, 2, 2, 2], 4, 2)).toEqual([
      [0, 2],
      [1, 3],
      [2, 4],
    ]);
    expect(wordWindows([1, 1, 1, 1], 3, 0)).toEqual([
      [0, 3],
      [3, 4],
    ]);
  });
});

describe('tagged sentences in pieces', () => {
  it('carry each tag once, at the first piece of its word', () => {
    const [example] = taggingFeatures(
      [{ words: ['abcdefg', '\ufe0f', 'hi'], tags: ['B-x', 'I-x', 'I-y'], document: 0 }],
      tokenizer,
      classes,
      { length: 10, overlap: 2 },
    ).examples;
    // [CLS] abc def g hi [SEP]
    expect([...example.tags!]).toEqual([-1, 1, -1, -1, 4, -1]);
    expect(example.tokens).toHaveLength(6);
    expect(example.row).toBe(0);
  });

  it('come back from perfect outputs, but for words without pieces, which are O', () => {
    const family = fc.constantFrom('bert' as const, 'roberta' as const);
    fc.assert(
      fc.property(fc.array(sentence, { maxLength: 4 }), options, fc.nat(2), family, (sentences, windowing, pad, of) => {
        const special = letterPieces(3, of);
        const features = taggingFeatures(sentences, special, classes, windowing);
        let scored = 0;
        for (const { tokens, tags } of features.examples) {
          expect(tokens.length).toBeLessThanOrEqual(windowing.length);
          expect(tags).toHaveLength(tokens.length);
          const here = [...tags!].filter((tag) => tag >= 0).length;
          expect(here).toBeGreaterThan(0);
          scored += here;
        }
        const hasPiece = (w: string) => special.pieces(w).length > 0;
        expect(scored).toBe(sentences.flatMap(({ words }) => words).filter(hasPiece).length);
        const predicted = features.tags(features.examples.map((example) => onehot(example, pad)));
        expect(predicted).toEqual(
          sentences.map(({ words, tags }) => tags.map((tag, i) => (hasPiece(words[i]) ? tag : 'O'))),
        );
      }),
      { numRuns: 100 },
    );
  });

  it('keep the first pieces of a word that fits no window', () => {
    const long = 'a'.repeat(195);
    const features = taggingFeatures(
      [{ words: ['x', long, 'y'], tags: ['O', 'B-x', 'B-y'], document: 0 }],
      tokenizer,
      classes,
      { length: 6, overlap: 2 },
    );
    expect(features.examples.map(({ tokens }) => tokens.length)).toEqual([3, 6, 3]);
    expect(features.tags(features.examples.map((example) => onehot(example)))).toEqual([['O', 'B-x', 'B-y']]);
  });

  it('belong to words also where a piece begins with the space before it', () => {
    const plain = letterPieces(100);
    const spaced = {
      ...plain,
      pieces: (text: string) =>
        plain.pieces(text).map((piece) => (piece.start === 0 ? piece : { ...piece, start: piece.start - 1 })),
    };
    const [example] = taggingFeatures(
      [{ words: ['a', 'bc', 'd'], tags: ['O', 'B-x', 'B-y'], document: 0 }],
      spaced,
      classes,
      {
        length: 9,
        overlap: 0,
      },
    ).examples;
    expect([...example.tags!]).toEqual([-1, 0, 1, 3, -1]);
  });

  it('refuse what does not fit', () => {
    const sentences = [{ words: ['a'], tags: ['B-x'], document: 0 }];
    const make = (length: number, overlap = 0) => taggingFeatures(sentences, tokenizer, classes, { length, overlap });
    expect(() => make(2)).toThrow(UsageError);
    expect(() => make(8, -1)).toThrow(UsageError);
    expect(() => taggingFeatures(sentences, tokenizer, ['O'], { length: 8, overlap: 0 })).toThrow(DataError);
    const { tags } = make(8);
    expect(tags([new Float32Array(3 * classes.length)])).toEqual([['O']]);
    expect(() => tags([])).toThrow(/0 outputs, expected 1/);
    expect(() => tags([new Float32Array(classes.length)])).toThrow(ShapeError);
    expect(() => tags([new Float32Array(3 * classes.length + 1)])).toThrow(ShapeError);
    expect(() => tags([new Float32Array(3 * classes.length).fill(Number.NaN)])).toThrow(DivergedError);
  });
});
