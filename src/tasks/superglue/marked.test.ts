import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { testTokenizer } from '../tokenizer.fixture.ts';
import { formOf, keepMarked, type Marked, phraseAt, tokensOf } from './marked.ts';
import { readMarks } from './marked-sequence.ts';

const textOf = (text: string, { start, end }: Marked): string => text.slice(start, end);

describe('marks in brackets', () => {
  it('are taken out of the text, and stand where they stood', () => {
    const { text, marks } = readMarks('[[ab]] c [[d e]]f')!;
    expect(text).toBe('ab c d ef');
    expect(marks).toEqual([
      { start: 0, end: 2, how: 'given' },
      { start: 5, end: 8, how: 'given' },
    ]);
    expect(readMarks('a [b] c')).toEqual({ text: 'a [b] c', marks: [] });
  });
});

describe('phrases by the index of a word', () => {
  const at = (text: string, phrase: string, index: number): [string, string] => {
    const marked = phraseAt(text, phrase, index);
    return [textOf(text, marked), marked.how];
  };

  it('are where the file says, in another case, with punctuation, over a line break', () => {
    expect(at('Mark told Pete lies.', 'Pete', 2)).toEqual(['Pete', 'given']);
    expect(at('He said: "The  Cat\nsat" there.', 'the cat sat.', 2)).toEqual(['The  Cat\nsat', 'given']);
    expect(at("Emma's mother came.", 'Emma', 0)).toEqual(['Emma', 'given']);
    expect(at('Dr. Adams came.', 'Dr. Adams', 0)).toEqual(['Dr. Adams', 'given']);
  });

  it('are found at the nearest other place', () => {
    expect(at('it is no use to fix it now', 'it', 3)).toEqual(['it', 'found']);
    expect(phraseAt('it is no use to fix it now', 'it', 3).start).toBe(0);
    expect(phraseAt('it is no use to fix it now', 'it', 4).start).toBe(20);
    expect(at('items and it', 'it', 0)).toEqual(['it', 'found']);
  });

  it('are the words from the index on where the text has them nowhere', () => {
    expect(at('Kamenev, and the old', 'Stalin and Kamenev', 0)).toEqual(['Kamenev, and the', 'guessed']);
    expect(at('a b', 'x y z', 7)).toEqual(['b', 'guessed']);
    expect(at('a b', '...', 1)).toEqual(['b', 'guessed']);
  });

  it('never fail, and always mark something', () => {
    const words = fc.string({ unit: fc.constantFrom('a', 'b', 'É', ' ', "'", '.', '\n', '😀', 'İ'), minLength: 1 });
    fc.assert(
      fc.property(
        words.filter((text) => text.trim() !== ''),
        words,
        fc.nat(12),
        (text, phrase, index) => {
          const { start, end } = phraseAt(text, phrase, index);
          expect(start).toBeLessThan(end);
          expect(end).toBeLessThanOrEqual(text.length);
        },
      ),
    );
  });
});

describe('forms of a word', () => {
  const form = (word: string, sentence: string): string | null => {
    const marked = formOf(word, sentence);
    return marked && textOf(sentence, marked);
  };

  it('share its beginning, or are known to be irregular', () => {
    expect(form('stripe', 'They earned their stripes in Kuwait .')).toBe('stripes');
    expect(form('buy', 'He bought it.')).toBe('bought');
    expect(form('begin', 'The first tourists began to arrive')).toBe('began');
    expect(form('go', 'The day went well until I got it.')).toBe('went');
    expect(form('be', 'Were I to obtain a car.')).toBe('Were');
    expect(form('drive', 'Drivers drive driverless cars')).toBe('drive');
  });

  it('are null where no word shares a letter', () => {
    expect(form('xylophone', 'An accordion.')).toBeNull();
    expect(form('x', '...')).toBeNull();
  });
});

describe('tokens of characters', () => {
  const tokenizer = testTokenizer();
  const spanOf = (text: string, start: number, end: number, length?: number) => {
    const pieces = tokenizer.pieces(text);
    const encoding = tokenizer.join(pieces, null, length);
    const span = tokensOf({ start, end, how: 'given' }, pieces, encoding, 0);
    return tokenizer.words(encoding.tokens.subarray(span.from, span.to));
  };

  it('are all pieces that the characters touch', () => {
    expect(spanOf('They earned it', 5, 11)).toBe('earn ##ed');
    // From inside a piece to inside another.
    expect(spanOf('They earned it', 6, 13)).toBe('earn ##ed it');
    expect(spanOf('😀 sat', 3, 6)).toBe('sat');
    // Not the ones beside it.
    expect(spanOf('(it)sat', 1, 3)).toBe('it');
  });

  it('are [CLS] where they were cut away or vanish', () => {
    expect(spanOf('They earned it', 12, 14, 4)).toBe('[CLS]');
    expect(spanOf('a \ufe0f b', 2, 3)).toBe('[CLS]');
    expect(spanOf('They earned it', 5, 11, 4)).toBe('earn');
  });

  it('stay in a text that is cut, as long as there is room between them', () => {
    const pieces = Array.from({ length: 10 }, (_, i) => ({ id: i, start: 2 * i, end: 2 * i + 1 }));
    const kept = (room: number, ...marks: [number, number][]) =>
      keepMarked(
        pieces,
        marks.map(([start, end]) => ({ start, end, how: 'given' })),
        room,
      ).map(({ id }) => id);
    expect(kept(3, [2, 5])).toEqual([0, 1, 2]);
    expect(kept(3, [8, 9])).toEqual([2, 3, 4]);
    expect(kept(3, [14, 15], [18, 19])).toEqual([7, 8, 9]);
    expect(kept(3, [6, 7], [18, 19])).toEqual([3, 4, 5]);
    expect(kept(3, [1, 2])).toEqual([0, 1, 2]);
    // Marks too long for the room: the end of the first and the beginning of the last are in the window, if that can be.
    expect(kept(4, [0, 13], [16, 19])).toEqual([6, 7, 8, 9]);
    expect(kept(5, [16, 19], [0, 13])).toEqual([5, 6, 7, 8, 9]);
    expect(kept(5, [0, 9], [10, 19])).toEqual([3, 4, 5, 6, 7]);
    expect(kept(7, [0, 3], [14, 15])).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(kept(2, [0, 13], [16, 19])).toEqual([0, 1]);
    expect(kept(10, [18, 19])).toHaveLength(10);
    expect(kept(0, [18, 19])).toEqual([]);
  });

  it('are of the text that was asked for', () => {
    const [a, b] = [tokenizer.pieces('it sat'), tokenizer.pieces('so it sat')];
    const encoding = tokenizer.join(a, b);
    expect(tokensOf({ start: 3, end: 5, how: 'given' }, b, encoding, 1)).toEqual({ from: 5, to: 6 });
  });
});
