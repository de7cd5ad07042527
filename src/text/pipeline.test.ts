import { readFileSync } from 'node:fs';
import { Tokenizer as Package } from '@huggingface/tokenizers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTokenizer } from './pipeline.ts';
import type { Settings } from './settings.ts';
import type { PieceTokenizer } from './tokenizer.ts';

const readJson = (name: string) =>
  JSON.parse(readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8'));

const names = ['uncased', 'cased', 'bytes', 'bytes-prefixed', 'unigram'] as const;
type Row = readonly [id: number, start: number, end: number];
interface Golden {
  readonly pieces: Record<string, Record<string, Row[]>>;
  readonly otherwise: Record<string, Record<string, Row[]>>;
  readonly pairs: Record<string, { ids: number[]; segments: number[] }>;
  readonly decoded: Record<string, string>;
}
const golden: Golden = readJson('golden');

/** Ids of a text by the package alone. */
const packageIds = (tokenizer: Package, text: string): number[] =>
  tokenizer.encode(text, { add_special_tokens: false }).ids;
const packageOf = (config: Settings): Package => new Package(config, {});
const idsOf = (tokenizer: PieceTokenizer, text: string): number[] => tokenizer.pieces(text).map(({ id }) => id);

describe.each(names)('%s, by the reference library', (name) => {
  const tokenizer = buildTokenizer(readJson(name));
  it.each(Object.entries(golden.pieces[name]!))('%j', (text, expected) => {
    const pieces = tokenizer.pieces(text);
    expect(pieces.map(({ id }) => id)).toEqual(expected.map(([id]) => id));
    for (const [i, { start, end }] of pieces.entries()) {
      const [, from, to] = expected[i]!;
      if (from < 0) expect(start).toBe(end);
      else expect([start, end]).toEqual([from, to]);
    }
  });
  it('joins a pair and decodes it', () => {
    const encoding = tokenizer.join(tokenizer.pieces('the cat'), tokenizer.pieces('going'));
    expect([...encoding.tokens]).toEqual(golden.pairs[name]!.ids);
    expect([...encoding.segments]).toEqual(golden.pairs[name]!.segments);
    expect(tokenizer.decode(encoding.tokens)).toBe(golden.decoded[name]);
    expect(tokenizer.decode([])).toBe('');
  });
});

/** What text may hold that a tokenizer can stumble over. */
const odd = fc.constantFrom(
  ...[
    '\u0000',
    '\t',
    '\n',
    '\r',
    '\u0085',
    '\u00a0',
    '\u00ad',
    '\u0130',
    '\u0300',
    '\u0301',
    '\u0323',
    '\u0345',
    '\u03a3',
  ],
  ...['\u1100', '\u1161', '\u11a8', '\uac00', '\u1e9e', '\u2003', '\u200b', '\u200d', '\u2028', '\u2126', '\u212b'],
  ...['\u2581', '\u3000', '\u302e', '\u4e2d', '\ud800', '\udc00', '\ufb01', '\ufe0f', '\ufeff', '\uff5e', '\uff76'],
  ...['\uff9e', '\ufffd', '\u{10437}', '\u{16d63}', '\u{16d67}', '\u{1d160}', '\u{1f468}', '\u{20000}', '\u{e000}'],
);
const known = fc.constantFrom(
  'the',
  'cat',
  'going',
  'Going',
  ' ',
  '  ',
  "n't",
  '[MASK]',
  '<mask>',
  '[SEP]',
  '</s>',
  '``',
  "''",
);
const text = fc
  .array(fc.oneof(known, odd, fc.string({ unit: 'binary', maxLength: 4 }), fc.string({ maxLength: 3 })), {
    maxLength: 12,
  })
  .map((parts) => parts.join(''));

/** Ranges lie in the text, in order, and cut no character in two. */
const expectSound = (tokenizer: PieceTokenizer, given: string): void => {
  let last = 0;
  let reached = 0;
  for (const { id, start, end } of tokenizer.pieces(given)) {
    expect(id >= 0 && id < tokenizer.size).toBe(true);
    expect(start >= last && end >= Math.max(start, reached) && end <= given.length).toBe(true);
    for (const place of [start, end])
      expect(/^[\ud800-\udbff][\udc00-\udfff]/.test(given.slice(place - 1, place + 1))).toBe(false);
    [last, reached] = [start, end];
  }
};

/** The uncased and SentencePiece rules that the files above leave out. */
const variants: Record<string, () => Settings> = {
  'uncased, accents kept': () => withNormalizer('uncased', { lowercase: true, strip_accents: false, clean_text: true }),
  'cased, accents off': () => withNormalizer('cased', { strip_accents: true, handle_chinese_chars: true }),
  precompiled: () => ({
    ...readJson('unigram'),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        { type: 'Precompiled', precompiled_charsmap: '' },
        { type: 'Strip', strip_left: true, strip_right: true },
      ],
    },
    pre_tokenizer: { type: 'Metaspace', replacement: '\u2581', prepend_scheme: 'first' },
  }),
  'composed, with added words': () => ({
    ...readJson('unigram'),
    normalizer: {
      type: 'Sequence',
      normalizers: [{ type: 'NFKC' }, { type: 'Lowercase' }, { type: 'Prepend', prepend: 'x' }],
    },
    added_tokens: [
      ...readJson('unigram').added_tokens,
      { id: 60, content: 'CAT', normalized: true, rstrip: true },
      { id: 61, content: 'go', special: false, normalized: false, lstrip: true },
      { id: 62, content: 'goi', special: false, normalized: false },
    ],
  }),
};
const withNormalizer = (name: string, switches: Settings): Settings => ({
  ...readJson(name),
  normalizer: { type: 'BertNormalizer', clean_text: false, handle_chinese_chars: false, ...switches },
});

describe.each([...names, ...Object.keys(variants)])('%s, by the package', (name) => {
  const config: Settings = variants[name]?.() ?? readJson(name);
  const [ours, theirs] = [buildTokenizer(config), packageOf(config)];
  it('has the ids of the package, and ranges in order, on any text', () => {
    fc.assert(
      fc.property(text, (given) => {
        expect(idsOf(ours, given)).toEqual(packageIds(theirs, given));
        expectSound(ours, given);
      }),
      { numRuns: 300 },
    );
  });
});

describe('where the package reads otherwise than the reference', () => {
  it.each(names)('%s follows the package', (name) => {
    const config = readJson(name);
    const [ours, theirs] = [buildTokenizer(config), packageOf(config)];
    for (const given of Object.keys(golden.otherwise[name]!))
      expect(idsOf(ours, given)).toEqual(packageIds(theirs, given));
  });
});
