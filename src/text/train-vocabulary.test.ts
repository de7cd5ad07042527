import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { splitLines } from './lines.ts';
import { countWords, trainWordPieces, vocabularyText } from './train-vocabulary.ts';
import { wordPieces } from './wordpiece.ts';

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/** The definition, without any bookkeeping: counts every pair anew before each joining. */
const naive = (lines: readonly string[], size: number, minFrequency: number): string[] => {
  const words = [...countWords(lines)].map(([word, count]) => ({
    pieces: [...word].map((letter, i) => (i === 0 ? letter : `##${letter}`)),
    count,
  }));
  const letters = new Set(words.flatMap(({ pieces }) => pieces.map((piece) => piece.replace('##', ''))));
  const inside = new Set(words.flatMap(({ pieces }) => pieces.slice(1)));
  const vocabulary = [...new Set([...specials, ...[...letters].sort(), ...[...inside].sort()])];
  while (vocabulary.length < size) {
    const counts = new Map<string, { left: string; right: string; count: number }>();
    for (const { pieces, count } of words)
      for (let i = 0; i + 1 < pieces.length; i++) {
        const [left, right] = [pieces[i]!, pieces[i + 1]!];
        const pair = counts.get(`${left} ${right}`) ?? { left, right, count: 0 };
        pair.count += count;
        counts.set(`${left} ${right}`, pair);
      }
    const order = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    const [best] = [...counts.values()].sort(
      (a, b) => b.count - a.count || order(a.left, b.left) || order(a.right, b.right),
    );
    if (best === undefined || best.count < minFrequency) break;
    const joined = best.left + best.right.slice(2);
    if (!vocabulary.includes(joined)) vocabulary.push(joined);
    for (const word of words)
      for (let i = 0; i + 1 < word.pieces.length; i++)
        if (word.pieces[i] === best.left && word.pieces[i + 1] === best.right) word.pieces.splice(i, 2, joined);
  }
  return vocabulary;
};

const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', '中', '.'), minLength: 1, maxLength: 8 });
const lines = fc.array(
  fc.array(word, { maxLength: 6 }).map((words) => words.join(' ')),
  { maxLength: 8 },
);

describe('training word pieces', () => {
  it('joins the most frequent pairs first', () => {
    expect(trainWordPieces(['low low low lower', 'new newer newer wide'], 21)).toEqual([
      ...specials,
      ...'deilnorw',
      ...['##d', '##e', '##i', '##o', '##r', '##w'],
      ...['##ow', 'low'],
    ]);
  });

  it('does as the naive trainer does', () => {
    fc.assert(
      fc.property(
        lines,
        fc.integer({ min: 20, max: 60 }),
        fc.integer({ min: 1, max: 3 }),
        (text, size, minFrequency) => {
          expect(trainWordPieces(text, size, { minFrequency })).toEqual(naive(text, size, minFrequency));
        },
      ),
    );
  });

  it('does not depend on the order of lines and words', () => {
    fc.assert(
      fc.property(lines, (text) => {
        const turned = text.map((line) => line.split(' ').reverse().join(' ')).reverse();
        expect(trainWordPieces(turned, 40)).toEqual(trainWordPieces(text, 40));
      }),
    );
  });

  it('has pieces for every word of the alphabet, and no more pieces than asked', () => {
    const rich = fc.array(fc.string({ unit: 'grapheme', maxLength: 20 }), { maxLength: 10 });
    fc.assert(
      fc.property(rich, fc.integer({ min: 1, max: 30 }), (text, alphabet) => {
        const vocabulary = trainWordPieces(text, 400, { alphabet });
        expect(vocabulary.length).toBeLessThanOrEqual(400);
        expect(splitLines(new TextEncoder().encode(vocabularyText(vocabulary)), 'vocab.txt')).toEqual(vocabulary);
        expect(new Set(vocabulary).size).toBe(vocabulary.length);
        const kept = new Set(vocabulary.filter((piece) => [...piece].length === 1));
        expect(kept.size).toBeLessThanOrEqual(alphabet);
        const trained = wordPieces(vocabulary);
        for (const found of countWords(text).keys())
          if ([...found].every((letter) => kept.has(letter))) expect(trained.pieces(found)).not.toContain('[UNK]');
      }),
    );
  });

  it('keeps the commonest characters, and leaves out words with others', () => {
    const vocabulary = trainWordPieces(['aab aab aab xq'], 60, { alphabet: 2 });
    expect(vocabulary).toEqual([...specials, 'a', 'b', '##a', '##b', '##ab', 'aab']);
    expect(vocabulary.slice(5).join('')).not.toMatch(/[xq]/);
  });

  it('keeps case where asked, and special tokens of the text out of the words', () => {
    expect(trainWordPieces(['Ab [MASK] ab'], 30, { lowerCase: false, minFrequency: 9 }).slice(5)).toEqual([
      'A',
      'a',
      'b',
      '##b',
    ]);
  });

  it('refuses a size without room for the characters', () => {
    expect(() => trainWordPieces(['abc'], 9)).toThrow(/a size of 9, expected at least 10/);
    expect(() => trainWordPieces(['abc'], Number.NaN)).toThrow(UsageError);
  });
});
