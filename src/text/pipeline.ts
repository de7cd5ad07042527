import { addedTokenCutter, readAddedTokens } from './added.ts';
import { readDecoder } from './decoder.ts';
import { readModel, type WordPart } from './model.ts';
import { readNormalizer } from './normalizer.ts';
import { readPresplit } from './presplit.ts';
import { refuse, type Settings } from './settings.ts';
import { countSpecials, fillTemplate, readTemplate } from './template.ts';
import type { Piece, PieceTokenizer } from './tokenizer.ts';
import { endOf, startOf, type Traced } from './traced.ts';

/** Words that are remembered with their pieces; texts repeat most of their words. */
const mostRemembered = 2 ** 16;
/** Longer words are rare and large. */
const longestRemembered = 48;

/** Names of special tokens by family, tried in this order. */
const names = {
  unknown: ['[UNK]', '<unk>'],
  pad: ['[PAD]', '<pad>'],
  mask: ['[MASK]', '<mask>'],
} as const;

/** What a token that begins a word begins with (null: what goes on begins with ##), and the spaces of split words. */
const marks = {
  WordPiece: { begins: null, space: null },
  BPE: { begins: '\u0120', space: ' ' },
  Unigram: { begins: '\u2581', space: '\u2581' },
} as const;

/** A split with what was split before remembered; the result is the same. */
const remembering = (split: (word: string) => readonly WordPart[]): ((word: string) => readonly WordPart[]) => {
  const remembered = new Map<string, readonly WordPart[]>();
  return (word) => {
    const known = remembered.get(word);
    if (known !== undefined) return known;
    const parts = split(word);
    if (word.length <= longestRemembered) {
      if (remembered.size >= mostRemembered) remembered.clear();
      remembered.set(word, parts);
    }
    return parts;
  };
};

/** A piece before its id is looked up. */
interface Found {
  token: string;
  start: number;
  end: number;
}

/** What a part of a word stands for in the text as given, without the spaces that byte-level pieces begin with. */
const locate = (word: Traced, { token, from, to }: WordPart, space: string | null): Found => {
  let first = from;
  while (first < to && word.text[first] === space) first++;
  if (first < to) return { token, start: startOf(word, first), end: endOf(word, to) };
  // A piece of nothing but spaces is the empty range before them.
  const start = startOf(word, from);
  return { token, start, end: start };
};

/** Unknown pieces that follow one another as one, over whole sections. */
const fuse = (found: readonly Found[], isUnknown: (token: string) => boolean, unknown: string): Found[] => {
  const fused: Found[] = [];
  let open = false;
  for (const piece of found) {
    const last = fused[fused.length - 1];
    if (isUnknown(piece.token) && open && last !== undefined) {
      // Named for itself the unknown token takes no letters; letters that were fused may spell a token.
      if (last.token !== unknown) last.token += piece.token;
      last.end = piece.end;
      continue;
    }
    open = isUnknown(piece.token);
    fused.push({ ...piece });
  }
  return fused;
};

/**
 * A tokenizer of the settings that a tokenizer.json holds. Normalising and splitting are done here, with the origin of
 * every character kept; the pieces of a word and decoding are the package's, `@huggingface/tokenizers`. Ids equal those
 * of the package's own `encode` on every text.
 *
 * What happens to odd texts: lone surrogates vanish in BERT's cleaning and are bytes of U+FFFD in byte-level BPE;
 * characters that vanish (U+FE0F, U+200B, U+0000) belong to no piece and may leave a text without any. A piece that
 * ends inside a character (bytes of an emoji) stands for all of that character.
 *
 * `truncation` and `padding` in the settings are not used: lengths are the caller's.
 *
 * @throws DataError for settings that are not understood, or would lose text.
 */
export const buildTokenizer = (config: Settings): PieceTokenizer => {
  const normalizer = readNormalizer(config.normalizer);
  const presplit = readPresplit(config.pre_tokenizer);
  const model = readModel(config.model);
  const added = readAddedTokens(config.added_tokens);

  const ids = new Map(model.ids);
  for (const { content, id } of added) ids.set(content, id);
  const texts: string[] = [];
  for (const [token, id] of ids) texts[id] = token;
  const idOf = (token: string): number => {
    const id = ids.get(token);
    if (id === undefined)
      throw refuse('special token', `no ${token} in the vocabulary`, 'each special token to have an id');
    return id;
  };
  const oneOf = (candidates: readonly string[]): string | undefined => candidates.find((token) => ids.has(token));
  const required = (purpose: 'unknown' | 'pad'): number => {
    const token = oneOf(names[purpose]);
    if (token === undefined)
      throw refuse('special token', `none of ${names[purpose].join(', ')} in the vocabulary`, `a token for ${purpose}`);
    return idOf(token);
  };
  const template = readTemplate(config.post_processor, idOf);
  const specials = template.single.flatMap((slot) => slot.special ?? []);
  if (specials.length === 0) throw refuse('post_processor', 'no special tokens', 'a first and a last special token');
  const unknown = model.unknown === null ? required('unknown') : idOf(model.unknown);
  const mask = oneOf(names.mask);

  const sections = addedTokenCutter(added, normalizer);
  const split = remembering(model.split);
  const lookUp = (token: string): number => ids.get(token) ?? unknown;
  const decode = readDecoder(config.decoder, added);
  const { begins, space } = marks[model.kind];

  const pieces = (text: string): Piece[] => {
    const result: Piece[] = [];
    for (const { text: section, token, first } of sections(text)) {
      if (token !== null) {
        const end = section.text.length;
        result.push({ id: token.id, start: startOf(section, 0), end: endOf(section, end) });
        continue;
      }
      const found: Found[] = [];
      for (const word of presplit(section, first))
        for (const part of split(word.text)) found.push(locate(word, part, space));
      const isUnknown = (piece: string): boolean => lookUp(piece) === unknown;
      for (const piece of model.fuses ? fuse(found, isUnknown, texts[unknown]!) : found)
        result.push({ id: lookUp(piece.token), start: piece.start, end: piece.end });
    }
    return result;
  };

  const specialIds = new Set([...specials, ...added.filter((token) => token.special).map((token) => token.id)]);
  return {
    size: texts.length,
    pad: required('pad'),
    unknown,
    cls: specials[0]!,
    sep: specials[specials.length - 1]!,
    mask: mask === undefined ? null : idOf(mask),
    pieces,
    join: (a, b = null, length) => fillTemplate(template, a, b, length),
    specials: (pair) => countSpecials(pair ? template.pair : template.single),
    decode: (tokens) => decode(Array.from(tokens, (id) => texts[id] ?? texts[unknown]!)),
    token: (id) => texts[id] ?? texts[unknown]!,
    isSpecial: (id) => specialIds.has(id),
    continues: (id) => {
      const text = texts[id];
      if (text === undefined || specialIds.has(id)) return false;
      return begins === null ? text.startsWith('##') && text.length > 2 : !text.startsWith(begins);
    },
    wordPrefix: model.kind === 'BPE' ? ' ' : '',
  };
};
