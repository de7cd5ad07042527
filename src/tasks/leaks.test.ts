import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { folded, foldedWords } from './held-out.ts';
import { leaksOf } from './leaks.ts';

describe('leaksOf', () => {
  const leak = leaksOf([
    { task: 'a', texts: ['He did n’t go Home, again.', 'a b c d e', 'four words are few', '?!'] },
    { task: 'b', texts: ['he didn’t go home again', 'Another one, of five: words'] },
  ]);

  it('knows a text whatever its case, accents, punctuation and spaces', () => {
    expect(leak('HE didn’t—go hóme again')).toEqual({ task: 'a', how: 'same' });
    expect(leak('four words are few!')).toEqual({ task: 'a', how: 'same' });
    expect(leak('?!')).toEqual({ task: 'a', how: 'same' });
    expect(leak('!')).toBeNull();
  });

  it('finds one of five words inside another, from the beginning of a word to the end of one', () => {
    expect(leak('They say he didn’t go home again; why?')).toEqual({ task: 'a', how: 'contains' });
    expect(leak('"A-B c d e"? x')).toEqual({ task: 'a', how: 'contains' });
    expect(leak('x: another one of five words')).toEqual({ task: 'b', how: 'contains' });
    expect(leak('she didn’t go home again, and another one of five wordsmiths')).toBeNull();
    expect(leak('not a b c d eels, nor tea b c d e')).toBeNull();
    expect(leak('these four words are few')).toBeNull();
    expect(leak('he didn’t go')).toBeNull();
  });

  it('agrees with a search of every text in every other', () => {
    const text = fc
      .array(fc.constantFrom('a', 'b', 'ab', 'ba', 'ánd', 'x-y', 'longer', '?'), { minLength: 1, maxLength: 12 })
      .map((words) => words.join(' '));
    const spelt = (one: string) => ` ${foldedWords(one).join(' ')} `;
    const inside = (part: string, whole: string): boolean => {
      // Words may be parted otherwise: any run of the whole's words may spell the part.
      const words = spelt(whole).trim().split(' ');
      return words.some((_, from) =>
        words.some((_, to) => to >= from && words.slice(from, to + 1).join('') === folded(part)),
      );
    };
    fc.assert(
      fc.property(fc.array(text, { maxLength: 6 }), text, (texts, one) => {
        const found = leaksOf([{ task: 't', texts }])(one);
        const same = texts.some((other) => folded(other) === folded(one));
        const contains = texts.some((other) => foldedWords(other).length >= 5 && inside(other, one));
        expect(found?.how).toBe(same ? 'same' : contains ? 'contains' : undefined);
      }),
      { numRuns: 500 },
    );
  });
});
