import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { readWordPieces, type WordPieces, wordPieces } from './wordpiece.ts';

const toy = [
  '[PAD]',
  '[UNK]',
  '[CLS]',
  '[SEP]',
  'un',
  '##aff',
  '##able',
  'cafe',
  ',',
  'go',
  '##ing',
  '__proto__',
  '中',
  '_',
];

describe('word pieces of a made-up vocabulary', () => {
  const vocabulary = wordPieces(toy);

  it('takes the longest known beginning, then continuations', () => {
    expect(vocabulary.pieces('unaffable')).toEqual(['un', '##aff', '##able']);
    expect(vocabulary.pieces('going')).toEqual(['go', '##ing']);
  });

  it('makes one [UNK] of a word that does not come out even', () => {
    expect(vocabulary.pieces('goingx un')).toEqual(['[UNK]', 'un']);
  });

  it('lower-cases, strips accents, splits punctuation, sets CJK apart', () => {
    expect(vocabulary.pieces('Café,un')).toEqual(['cafe', ',', 'un']);
    expect(vocabulary.pieces('go中go')).toEqual(['go', '中', 'go']);
  });

  it('drops control characters and what renders nothing, down to no piece at all', () => {
    expect(vocabulary.pieces('g\u0000o\ufffd\u200b')).toEqual(['go']);
    expect(vocabulary.pieces('\ufe0f')).toEqual([]);
    expect([...vocabulary.encode('')]).toEqual([2, 3]);
  });

  it('gives up on words of more than 100 characters', () => {
    const wide = wordPieces([...toy, 'a', '##a']);
    expect(wide.pieces('a'.repeat(100))).toHaveLength(100);
    expect(wide.pieces('a'.repeat(101))).toEqual(['[UNK]']);
  });

  it('puts [CLS] A [SEP] and [CLS] A [SEP] B [SEP] around', () => {
    expect([...vocabulary.encode('unaffable')]).toEqual([2, 4, 5, 6, 3]);
    expect([...vocabulary.encode('go', 'un')]).toEqual([2, 9, 3, 4, 3]);
    expect([...vocabulary.encode('go', '')]).toEqual([2, 9, 3, 3]);
  });

  it('knows its own pieces and nothing that objects inherit', () => {
    expect(vocabulary.pieces('constructor toString')).toEqual(['[UNK]', '[UNK]']);
    expect(vocabulary.decode([11, 0, 99, -1])).toEqual(['__proto__', '[PAD]', '[UNK]', '[UNK]']);
    expect(vocabulary).toMatchObject({ size: toy.length, pad: 0, unknown: 1, cls: 2, sep: 3 });
  });

  it('gives ids of the vocabulary for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const ids = [...vocabulary.encode(text)];
        expect(ids[0]).toBe(vocabulary.cls);
        expect(ids[ids.length - 1]).toBe(vocabulary.sep);
        expect(ids.every((id) => Number.isInteger(id) && id >= 0 && id < vocabulary.size)).toBe(true);
      }),
    );
  });
});

describe('faults of a vocabulary', () => {
  const complaint = (lines: string[]): string => {
    try {
      wordPieces(lines, 'v.txt');
    } catch (error) {
      expect(error).toBeInstanceOf(DataError);
      return (error as DataError).message;
    }
    return 'no complaint';
  };

  it('names the empty line', () => {
    expect(complaint(['[PAD]', '', '[UNK]'])).toContain('an empty line, v.txt:2');
    expect(complaint(['[PAD]', '[UNK]', '  '])).toContain('v.txt:3');
  });

  it('names both lines of a repeated piece', () => {
    expect(complaint([...toy, 'go'])).toContain('"go" twice, v.txt:10 and v.txt:15');
  });

  it.each(['[PAD]', '[UNK]', '[CLS]', '[SEP]'])('misses %s', (piece) => {
    expect(complaint(toy.filter((line) => line !== piece))).toContain(`no line ${piece} in v.txt (13 lines)`);
  });
});

describe('reading vocab.txt', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'omoe-vocab-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it('reads a file, with Windows line ends too', async () => {
    const path = join(folder, 'vocab.txt');
    await writeFile(path, `${toy.join('\r\n')}\r\n`);
    expect((await readWordPieces(path, readFile)).pieces('unaffable')).toEqual(['un', '##aff', '##able']);
  });

  it('says which file is missing and which line is wrong', async () => {
    await expect(readWordPieces(join(folder, 'none.txt'), readFile)).rejects.toThrow(
      /no such file.*none\.txt, expected a BERT vocab/,
    );
    const path = join(folder, 'gap.txt');
    await writeFile(path, `${toy.join('\n')}\n\n`);
    await expect(readWordPieces(path, readFile)).rejects.toThrow(/gap\.txt:15/);
  });
});

const realVocabulary = '../shared/data/vocab/bert-base-uncased-vocab.txt';
const present = existsSync(realVocabulary);

describe.skipIf(!present)(
  `the vocabulary of bert-base-uncased${present ? '' : ' (skipped: not on this machine)'}`,
  () => {
    let bert: WordPieces;
    beforeAll(async () => {
      bert = await readWordPieces(realVocabulary, readFile);
    });

    it('has the published ids', () => {
      expect(bert).toMatchObject({ size: 30_522, pad: 0, unknown: 100, cls: 101, sep: 102 });
      expect([...bert.encode('Hello world!')]).toEqual([101, 7592, 2088, 999, 102]);
    });

    it('splits as the reference does', () => {
      expect(bert.pieces('unaffable')).toEqual(['una', '##ffa', '##ble']);
      expect(bert.pieces('embeddings')).toEqual(['em', '##bed', '##ding', '##s']);
      expect(bert.pieces("Friends won't buy this.")).toEqual(['friends', 'won', "'", 't', 'buy', 'this', '.']);
      expect(bert.pieces('tokenization')).toEqual(['token', '##ization']);
    });

    it('gives a whole sentence with a pair', () => {
      const ids = bert.encode('who was jim henson ?', 'jim henson was a puppeteer');
      expect(bert.decode(ids).join(' ')).toBe('[CLS] who was jim henson ? [SEP] jim henson was a puppet ##eer [SEP]');
    });
  },
);
