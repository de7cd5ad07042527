import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { key } from '../random.ts';
import { noWord, packBlocks, readCorpus, splitDocuments, wordBegins, wordGoesOn } from './corpus.ts';
import { masking } from './masking.ts';
import { wordPieces } from './wordpiece.ts';

const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
const letters = [...'abcdefghijklmnopqrstuvwxyz'];
const { tokenizer } = wordPieces([...specials, ...letters, ...letters.map((letter) => `##${letter}`), '-']);
const linesOf = (lines: string[]): (readonly string[])[] =>
  splitDocuments(lines, 'x').map((document) => document.lines);

describe('documents of a text file', () => {
  it('takes numbered sentences apart', () => {
    expect(linesOf(['1\tOne.', '2\tTwo\twords.', '3\t '])).toEqual([['One.'], ['Two\twords.']]);
  });

  it('gathers the articles of wikitext and undoes its marks', () => {
    const lines = [' ', ' = A title = ', ' ', ' A 10 @-@ year <unk> . ', ' = = Part = = ', ' ', ' More , 1 @,@ 000 . '];
    expect(linesOf([...lines, ' = Next = ', ' x ', ' = = = Deep = = = '])).toEqual([
      ['A 10-year [UNK] .', 'More , 1,000 .'],
      ['x'],
    ]);
    expect(splitDocuments([' = T = ', '<unk>'], 'x', '<u$&>')[0]!.lines).toEqual(['<u$&>']);
  });

  it('parts other text at empty lines', () => {
    expect(linesOf(['a', 'b', '', ' ', 'c 1 = 2 = 3', ''])).toEqual([['a', 'b'], ['c 1 = 2 = 3']]);
    expect(linesOf(['', ' '])).toEqual([]);
  });

  it('reads files in order', async () => {
    const files = new Map([
      ['one', 'a\n\nb\n'],
      ['two', '1\tc\n'],
    ]);
    const documents = await readCorpus(['two', 'one'], async (path) => new TextEncoder().encode(files.get(path)));
    expect(documents.map(({ source, lines }) => [source, ...lines])).toEqual([
      ['two', 'c'],
      ['one', 'a'],
      ['one', 'b'],
    ]);
  });

  it('reads more sentences than a call takes arguments', async () => {
    const text = Array.from({ length: 200_000 }, (_, i) => `${i}\ta`).join('\n');
    expect(await readCorpus(['many'], async () => new TextEncoder().encode(text))).toHaveLength(200_000);
  });
});

describe('blocks', () => {
  const documents = fc.array(
    fc.record({ lines: fc.array(fc.stringMatching(/^[a-c -]{0,9}$/), { minLength: 1, maxLength: 3 }) }),
    { maxLength: 6 },
  );

  it('says where words begin, and parts documents', () => {
    const [block, rest] = packBlocks([{ lines: ['ab c', '-[UNK]'] }, { lines: ['d'] }], tokenizer, 8);
    expect(tokenizer.decode(block!.tokens)).toBe('[CLS] ab c - [UNK] [SEP] [SEP]');
    expect([...block!.words]).toEqual([
      ...[noWord, wordBegins, wordGoesOn, wordBegins, wordBegins, noWord, noWord],
      ...[noWord],
    ]);
    expect(tokenizer.decode(rest!.tokens)).toBe('[CLS] d [SEP]');
    // A document that fills its block needs nothing between it and the next.
    const [, next] = packBlocks([{ lines: ['a b'] }, { lines: ['d'] }], tokenizer, 4);
    expect(tokenizer.decode(next!.tokens)).toBe('[CLS] d [SEP]');
  });

  it('holds every piece once, in order, in full blocks but the last', () => {
    fc.assert(
      fc.property(documents, fc.integer({ min: 3, max: 12 }), (given, length) => {
        const blocks = packBlocks(given, tokenizer, length);
        const pieces = given.flatMap(({ lines }) =>
          lines.flatMap((line) => tokenizer.pieces(line).map(({ id }) => id)),
        );
        const packed = blocks.flatMap(({ tokens, words }) => [...tokens].filter((_, i) => words[i] !== noWord));
        expect(packed).toEqual(pieces);
        for (const { tokens } of blocks.slice(0, -1)) expect(tokens.length).toBe(length);
        for (const { tokens, words } of blocks) {
          expect(tokens.length).toBeLessThanOrEqual(length);
          expect(words.length).toBe(tokens.length);
          expect([tokens[0], tokens[tokens.length - 1]]).toEqual([tokenizer.cls, tokenizer.sep]);
        }
      }),
    );
  });

  it('refuses a length without room', () => {
    expect(() => packBlocks([], tokenizer, 2)).toThrow(UsageError);
  });
});

describe('masking', () => {
  const options = { mask: tokenizer.mask!, size: tokenizer.size, isSpecial: tokenizer.isSpecial };
  const blocks = packBlocks(
    [{ lines: Array.from({ length: 400 }, (_, i) => `word${'abc'[i % 3]} of many`) }],
    tokenizer,
    64,
  );

  it('hides the rate of each block, 80 % by the mask, 10 % by others, and never a special token', () => {
    const hide = masking(options);
    const fates = { chosen: 0, mask: 0, same: 0 };
    for (const [i, block] of blocks.entries()) {
      const { tokens, targets } = hide(key(1), 0, i, block);
      const pieces = block.words.filter((kind) => kind !== noWord).length;
      expect(targets.filter((target) => target >= 0).length).toBe(Math.max(1, Math.round(0.15 * pieces)));
      for (const [j, target] of targets.entries()) {
        if (target < 0) {
          expect(tokens[j]).toBe(block.tokens[j]);
          continue;
        }
        expect(target).toBe(block.tokens[j]);
        expect(block.words[j]).not.toBe(noWord);
        fates.chosen++;
        if (tokens[j] === options.mask) fates.mask++;
        else expect(options.isSpecial(tokens[j]!)).toBe(false);
        if (tokens[j] === target) fates.same++;
      }
    }
    // Within four standard deviations of a binomial share; a random token is the same one time in 53.
    const near = (count: number, share: number): void =>
      expect(Math.abs(count / fates.chosen - share)).toBeLessThan(4 * Math.sqrt((share * (1 - share)) / fates.chosen));
    expect(fates.chosen).toBeGreaterThan(500);
    near(fates.mask, 0.8);
    near(fates.same, 0.1 + 0.1 / 53);
  });

  it('depends on key, epoch and block alone', () => {
    const hide = (seed: number, epoch: number, index: number) => masking(options)(key(seed), epoch, index, blocks[0]!);
    expect(hide(1, 2, 3)).toEqual(hide(1, 2, 3));
    for (const other of [hide(2, 2, 3), hide(1, 3, 3), hide(1, 2, 4)])
      expect(other.targets).not.toEqual(hide(1, 2, 3).targets);
  });

  it('hides whole words where asked', () => {
    const hide = masking({ ...options, wholeWords: true });
    for (const [i, block] of blocks.entries()) {
      const { targets } = hide(key(1), 0, i, block);
      const pieces = block.words.filter((kind) => kind !== noWord).length;
      const chosen = targets.filter((target) => target >= 0).length;
      expect(chosen).toBeGreaterThan(0);
      expect(chosen).toBeLessThanOrEqual(Math.max(5, Math.round(0.15 * pieces)));
      for (let j = 1; j < targets.length; j++)
        if (block.words[j] === wordGoesOn && block.words[j - 1] !== noWord)
          expect(targets[j]! >= 0).toBe(targets[j - 1]! >= 0);
    }
  });

  it('ends a word at a special token', () => {
    const block = { tokens: Int32Array.of(2, 6, 4, 7, 3), words: Uint8Array.of(2, wordBegins, noWord, wordGoesOn, 2) };
    const { targets } = masking({ ...options, rate: 0.4, wholeWords: true })(key(1), 0, 0, block);
    expect(targets.filter((target) => target >= 0)).toHaveLength(1);
  });

  it('refuses a rate outside and a vocabulary without words; leaves a block without pieces alone', () => {
    expect(() => masking({ ...options, rate: 1 })).toThrow(UsageError);
    expect(() => masking({ ...options, size: 5 })).toThrow(UsageError);
    const empty = { tokens: Int32Array.of(2, 3), words: Uint8Array.of(noWord, noWord) };
    expect(masking(options)(key(1), 0, 0, empty)).toEqual({ tokens: empty.tokens, targets: Int32Array.of(-1, -1) });
  });
});
