import { BPE, Unigram, WordPiece } from './package.ts';
import { refuse, type Settings, settings, settingsId, settingsList, settingsText } from './settings.ts';

/** A piece of one word: its token, and the UTF-16 range [from, to) of the word that it stands for. */
export interface WordPart {
  readonly token: string;
  readonly from: number;
  readonly to: number;
}

/** What splits words into known pieces. */
export interface Model {
  readonly kind: 'WordPiece' | 'BPE' | 'Unigram';
  readonly ids: ReadonlyMap<string, number>;
  /** The token of what is not known; null for bytes, which are all known. */
  readonly unknown: string | null;
  /** Unknown pieces that follow one another are one. */
  readonly fuses: boolean;
  split(word: string): WordPart[];
}

/** A vocabulary object as token -> id. @throws DataError unless ids are different whole numbers. */
const numbered = (value: unknown): Map<string, number> => {
  const ids = new Map<string, number>();
  const taken = new Map<number, string>();
  for (const [token, id] of Object.entries(settings(value, 'vocab'))) {
    ids.set(token, settingsId(id, `id of ${JSON.stringify(token)}`));
    const other = taken.get(id as number);
    if (other !== undefined)
      throw refuse('vocab', `id ${id} for ${JSON.stringify(other)} and ${JSON.stringify(token)}`, 'one token an id');
    taken.set(id as number, token);
  }
  return ids;
};

const knownToken = (ids: ReadonlyMap<string, number>, token: string): string => {
  if (!ids.has(token))
    throw refuse('unk_token', `${JSON.stringify(token)}, which is not in the vocabulary`, 'a token of it');
  return token;
};

/** Tokens that follow one another in a word, `skip` of each token after the first not being of the word. */
const inOrder = (tokens: readonly string[], skip: number): WordPart[] => {
  let from = 0;
  return tokens.map((token, i) => {
    const part = { token, from, to: from + token.length - (i === 0 ? 0 : skip) };
    from = part.to;
    return part;
  });
};

const wordPiece = (config: Settings): Model => {
  const ids = numbered(config.vocab);
  const unknown = knownToken(ids, settingsText(config.unk_token, 'unk_token'));
  const continuing = config.continuing_subword_prefix ?? '##';
  if (continuing !== '##') throw refuse('continuing_subword_prefix', JSON.stringify(continuing), '"##"');
  const longest = config.max_input_chars_per_word ?? 100;
  if (!Number.isInteger(longest)) throw refuse('max_input_chars_per_word', String(longest), 'a whole number');
  const settled = { ...config, type: 'WordPiece', continuing_subword_prefix: continuing };
  const model = new WordPiece(settled);
  return {
    kind: 'WordPiece',
    ids,
    unknown,
    fuses: config.fuse_unk === true,
    split: (word) => {
      const tokens = model.encode([word]);
      // One [UNK] stands for the whole word, however long its own name is.
      if (tokens.length === 1) return [{ token: tokens[0]!, from: 0, to: word.length }];
      return inOrder(tokens, continuing.length);
    },
  };
};

/** The printable letter that stands for each byte in a byte-level vocabulary (Radford et al. 2019, GPT-2). */
export const byteLetters: readonly string[] = (() => {
  const letters: string[] = [];
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    letters.push(String.fromCharCode(printable ? byte : next++));
  }
  return letters;
})();

/** A merge as a pair: "a b" or ["a", "b"]. */
const mergePair = (merge: unknown, line: number): readonly [string, string] => {
  const parts = typeof merge === 'string' ? merge.split(' ') : merge;
  if (!Array.isArray(parts) || parts.length !== 2 || parts.some((part) => typeof part !== 'string' || part === ''))
    throw refuse(`merge ${line}`, JSON.stringify(merge), 'two tokens, "a b" or ["a", "b"]');
  return parts as unknown as readonly [string, string];
};

/** @throws DataError where a byte has no token, or a merge makes or takes what is none: such text would be lost. */
const requireWhole = (ids: ReadonlyMap<string, number>, merges: readonly (readonly [string, string])[]): void => {
  for (const [byte, letter] of byteLetters.entries())
    if (!ids.has(letter))
      throw refuse(
        'vocab',
        `no token for byte ${byte}, ${JSON.stringify(letter)}`,
        'a token for each of the 256 bytes',
      );
  for (const [i, [left, right]] of merges.entries())
    for (const token of [left, right, left + right])
      if (!ids.has(token))
        throw refuse(`merge ${i + 1}`, `${JSON.stringify(token)}, which is not in the vocabulary`, 'tokens of it');
};

const encoder = new TextEncoder();

/** Where in the word the character of each of its UTF-8 bytes begins, and where it ends. */
const byteOrigins = (word: string, count: number): { starts: Int32Array; ends: Int32Array } => {
  const starts = new Int32Array(count);
  const ends = new Int32Array(count);
  let byte = 0;
  let unit = 0;
  for (const character of word) {
    const code = character.codePointAt(0)!;
    // A lone surrogate is written as U+FFFD, in three bytes like itself.
    const length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    starts.fill(unit, byte, byte + length);
    ends.fill(unit + character.length, byte, byte + length);
    byte += length;
    unit += character.length;
  }
  return { starts, ends };
};

const byteLevelBpe = (config: Settings): Model => {
  for (const switched of ['continuing_subword_prefix', 'end_of_word_suffix', 'dropout', 'byte_fallback'])
    if (config[switched]) throw refuse(switched, JSON.stringify(config[switched]), 'byte-level BPE as in RoBERTa');
  const ids = numbered(config.vocab);
  const merges = settingsList(config.merges, 'merges').map((merge, i) => mergePair(merge, i + 1));
  requireWhole(ids, merges);
  const settled = { ...config, type: 'BPE', merges, end_of_word_suffix: undefined };
  const model = new BPE(settled);
  return {
    kind: 'BPE',
    ids,
    unknown: null,
    fuses: false,
    split: (word) => {
      const bytes = encoder.encode(word);
      let letters = '';
      for (const byte of bytes) letters += byteLetters[byte];
      const { starts, ends } = byteOrigins(word, bytes.length);
      // A piece may end inside a character; it then stands for all of it.
      return inOrder(model.encode([letters]), 0).map(({ token, from, to }) => ({
        token,
        from: starts[from]!,
        to: ends[to - 1]!,
      }));
    },
  };
};

const unigram = (config: Settings): Model => {
  const pairs = settingsList(config.vocab, 'vocab').map((entry, i) => {
    const [token, score] = Array.isArray(entry) ? entry : [];
    if (typeof token !== 'string' || token === '' || typeof score !== 'number' || !Number.isFinite(score))
      throw refuse(`vocab[${i}]`, JSON.stringify(entry), '[token, score]');
    return [token, score] as const;
  });
  const ids = new Map(pairs.map(([token], i) => [token, i]));
  if (ids.size !== pairs.length) throw refuse('vocab', 'a token twice', 'one id a token');
  const unknown = pairs[settingsId(config.unk_id, 'unk_id')]?.[0];
  if (unknown === undefined) throw refuse('unk_id', String(config.unk_id), `an id under ${pairs.length}`);
  if (config.byte_fallback) throw refuse('byte_fallback', 'true', 'a Unigram model without it');
  const model = new Unigram({ ...config, type: 'Unigram' }, '');
  return { kind: 'Unigram', ids, unknown, fuses: true, split: (word) => inOrder(model.encode([word]), 0) };
};

/**
 * The `model` of a tokenizer.json. Files of older writers leave its type out: WordPiece and BPE are then told apart by
 * their merges, Unigram by its list of scores.
 *
 * @throws DataError for a kind that is not known or a vocabulary with which text would be lost.
 */
export const readModel = (value: unknown): Model => {
  const config = settings(value, 'model');
  const kind = config.type ?? (Array.isArray(config.vocab) ? 'Unigram' : config.merges ? 'BPE' : 'WordPiece');
  if (kind === 'WordPiece') return wordPiece(config);
  if (kind === 'BPE') return byteLevelBpe(config);
  if (kind === 'Unigram') return unigram(config);
  throw refuse('model', String(kind), 'WordPiece, BPE or Unigram');
};
