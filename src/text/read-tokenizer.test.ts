import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Tokenizer as Package } from '@huggingface/tokenizers';
import { describe, expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { robertaSettings } from './families.ts';
import { byteLetters } from './model.ts';
import { buildTokenizer } from './pipeline.ts';
import type { Settings } from './settings.ts';
import { readTokenizer } from './tokenizer.ts';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8');
const vocab = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', 'cafe', 'Café'].join('\n');

/** A folder of files by name. */
const folder =
  (files: Record<string, string>) =>
  async (path: string): Promise<Uint8Array> => {
    const found = files[path.replace('folder/', '')];
    if (found === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' });
    return new TextEncoder().encode(found);
  };
const open = (files: Record<string, string>) => readTokenizer('folder', folder(files));

describe('reading the tokenizer of a folder', () => {
  it('prefers tokenizer.json', async () => {
    const tokenizer = await open({ 'tokenizer.json': fixture('uncased'), 'vocab.txt': vocab });
    expect(tokenizer.pieces('the')).toEqual([{ id: 5, start: 0, end: 3 }]);
    expect(tokenizer).toMatchObject({ pad: 0, unknown: 1, cls: 2, sep: 3, mask: 4 });
    expect([tokenizer.token(3), tokenizer.token(-1), tokenizer.isSpecial(3)]).toEqual(['[SEP]', '[UNK]', true]);
  });

  it('takes vocab.txt for uncased unless its configuration says otherwise', async () => {
    expect((await open({ 'vocab.txt': vocab })).pieces('Café')[0]!.id).toBe(4);
    const cased = { 'vocab.txt': vocab, 'tokenizer_config.json': '{"do_lower_case": false}' };
    expect((await open(cased)).pieces('Café')[0]!.id).toBe(5);
    const faulty = { 'vocab.txt': vocab, 'tokenizer_config.json': '{"do_lower_case": "no"}' };
    await expect(open(faulty)).rejects.toThrow(/do_lower_case/);
  });

  it('reads vocab.json and merges.txt', async () => {
    const tokens = ['<s>', '<pad>', '</s>', '<unk>', ...byteLetters, 'th', 'the'];
    const ids = JSON.stringify(Object.fromEntries(tokens.map((token, id) => [token, id])));
    const tokenizer = await open({ 'vocab.json': ids, 'merges.txt': '#version: 0.2\nt h\nth e\n' });
    expect(tokenizer.pieces('the').map(({ id }) => tokenizer.token(id))).toEqual(['the']);
    expect(tokenizer).toMatchObject({ pad: 1, unknown: 3, cls: 0, sep: 2, mask: null, wordPrefix: ' ' });
    await expect(open({ 'vocab.json': ids })).rejects.toThrow(/no such file, folder\/merges\.txt/);
    await expect(open({ 'vocab.json': ids, 'merges.txt': 't h e\n' })).rejects.toThrow(/merge 1/);
    await expect(open({ 'vocab.json': ids, 'merges.txt': 'h e\n' })).rejects.toThrow(/"he", which is not/);
    await expect(open({ 'vocab.json': '{"<s>": 0}', 'merges.txt': 't h\n' })).rejects.toThrow(/no <pad>/);
    const gap = ids.replace('"A":', '"AA":');
    await expect(open({ 'vocab.json': gap, 'merges.txt': 't h\n' })).rejects.toThrow(/no token for byte 65/);
  });

  it('says what it looked for, and what it could not read', async () => {
    await expect(open({})).rejects.toThrow(/expected tokenizer\.json, vocab\.txt, or vocab\.json/);
    const denied = () => Promise.reject(Object.assign(new Error('no'), { code: 'EACCES' }));
    await expect(readTokenizer('folder', denied)).rejects.toThrow(/may not be read, folder\/tokenizer\.json/);
    await expect(open({ 'tokenizer.json': '{' })).rejects.toThrow(DataError);
  });
});

describe('settings that are refused', () => {
  /** The settings of a fixture with one of them, found by its path, replaced. */
  const replaced = (name: string, path: string, value: unknown): Settings => {
    const config = JSON.parse(fixture(name));
    const keys = path.split('.');
    const last = keys.pop()!;
    let owner = config;
    for (const key of keys) owner = owner[key];
    owner[last] = value;
    return config;
  };
  it.each<[string, string, unknown, RegExp]>([
    ['uncased', 'normalizer.type', 'ByteLevel', /normalizer\): received ByteLevel/],
    ['uncased', 'pre_tokenizer.type', 'Digits', /received Digits/],
    ['uncased', 'model.type', 'WordLevel', /received WordLevel/],
    ['uncased', 'model.vocab', 'x', /vocab/],
    ['uncased', 'model.vocab.cat', 5, /id 5 for "the" and "cat"/],
    ['uncased', 'model.vocab.cat', 1.5, /id of "cat"/],
    ['uncased', 'model.unk_token', '<u>', /"<u>", which is not in the vocabulary/],
    ['uncased', 'model.continuing_subword_prefix', '@@', /"@@"/],
    ['uncased', 'decoder.type', 'CTC', /received CTC/],
    ['uncased', 'post_processor', null, /post_processor/],
    ['uncased', 'post_processor.single', [], /the texts \(none\)/],
    ['uncased', 'added_tokens.0.single_word', true, /single_word/],
    ['bytes', 'model.dropout', 0.1, /dropout/],
    ['unigram', 'model.vocab.7', ['x', null], /vocab\[7\]/],
    ['unigram', 'model.unk_id', 999, /unk_id/],
    ['unigram', 'normalizer.normalizers.0.content', '$&', /"\$&"/],
    ['uncased', 'normalizer', { type: 'Replace', pattern: { Regex: '(' }, content: '' }, /Unterminated group/],
  ])('%s with %s = %j', (name, path, value, message) => {
    const build = () => buildTokenizer(replaced(name, path, value));
    expect(build).toThrow(DataError);
    expect(build).toThrow(message);
  });
});

const real = { vocab: '../shared/data/vocab/roberta-vocab.json', merges: '../shared/data/vocab/roberta-merges.txt' };
const present = existsSync(real.vocab);
describe.skipIf(!present)(`the vocabulary of RoBERTa${present ? '' : ' (skipped: not on this machine)'}`, () => {
  it('has the published ids, and the package’s on odd texts', async () => {
    const byName = (path: string) =>
      readFile(path.endsWith('vocab.json') ? real.vocab : path.endsWith('merges.txt') ? real.merges : path);
    const tokenizer = await readTokenizer('nowhere', byName);
    expect(tokenizer).toMatchObject({ size: 50_265, pad: 1, unknown: 3, cls: 0, sep: 2, mask: 50_264 });
    expect([...tokenizer.join(tokenizer.pieces('Hello world!')).tokens]).toEqual([0, 31_414, 232, 328, 2]);
    expect(tokenizer.decode([0, 31_414, 232, 328, 2])).toBe('<s>Hello world!</s>');

    const merges = readFileSync(real.merges, 'utf8')
      .split('\n')
      .filter((line) => line !== '' && line[0] !== '#');
    const settings = robertaSettings(JSON.parse(readFileSync(real.vocab, 'utf8')), merges);
    const theirs = new Package(settings, {});
    for (const text of ["It's 1984…  naïve\n\n 👨‍👩‍👧 中文 \ud800", 'a <mask> b</s>', '\u200b\ufe0f ﬁ e\u0301'])
      expect(tokenizer.pieces(text).map(({ id }) => id)).toEqual(
        theirs.encode(text, { add_special_tokens: false }).ids,
      );
  });
});
