import { ReplaceNormalizer } from './package.ts';
import { refuse, type Settings, settings, settingsList } from './settings.ts';
import {
  concatenate,
  lowerCase,
  type NormalForm,
  normalForm,
  prepend,
  relabel,
  replaceEach,
  slice,
  type Traced,
} from './traced.ts';

/** Rewrites a text before it is split, remembering origins. */
export type Normalizer = (text: Traced) => Traced;

const isPlain = (text: string): boolean => /^[ -~]*$/.test(text);

/** U+FFFD and everything invisible (control, format, private use, lone surrogates) but tab and line ends. */
const invisible = /(?![\t\n\r])[\ufffd\p{Cc}\p{Cf}\p{Co}\p{Cs}]/gu;
/** Per UTF-16 unit, as the package: the ideographs beyond the first plane are not set apart. */
const ideograph = /[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff]/g;

/** BERT's: control characters out, spaces around ideographs, lower case, accents off; each can be switched. */
const bertNormalizer = (config: Settings): Normalizer => {
  const clean = config.clean_text === true;
  const apart = config.handle_chinese_chars === true;
  const lower = config.lowercase === true;
  const strip = config.strip_accents === true || (lower && config.strip_accents !== false);
  return (given) => {
    if (isPlain(given.text)) return lower ? relabel(given, given.text.toLowerCase()) : given;
    let text = given;
    if (clean)
      text = replaceEach(
        replaceEach(text, invisible, () => ''),
        /\s/g,
        () => ' ',
      );
    if (apart) text = replaceEach(text, ideograph, (character) => ` ${character} `);
    if (lower) text = lowerCase(text);
    if (strip) text = replaceEach(normalForm(text, 'NFD'), /\p{Mn}/gu, () => '');
    return text;
  };
};

/**
 * SentencePiece's rules as the package has them: those of `nmt_nfkc` written out. The character map in the file is not
 * read, so a model trained with other rules than these (or nothing but them) is normalised as the package does.
 */
const precompiled: Normalizer = (given) => {
  if (isPlain(given.text)) return given;
  const cleaned = replaceEach(given, /(?![\0\t\n\f\r\x80-\x8e\x90-\x9e])\p{Cc}/gu, () => '');
  const blank = /[\t\n\f\r\u00a0\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2581\u3000\ufeff\ufffd]/g;
  const spaced = replaceEach(cleaned, blank, () => ' ');
  // The wide tilde stays; what stands on either side of it is normalised apart.
  const parts: Traced[] = [];
  let from = 0;
  for (const { index } of spaced.text.matchAll(/\uff5e/g)) {
    parts.push(normalForm(slice(spaced, from, index), 'NFKC'), slice(spaced, index, index + 1));
    from = index + 1;
  }
  parts.push(normalForm(slice(spaced, from, spaced.text.length), 'NFKC'));
  return concatenate(parts);
};

/** The pattern of the file as JavaScript's, which the package turns it into; null where it has none. */
const patternOf = (config: Settings): RegExp | null => {
  try {
    return new ReplaceNormalizer(config).pattern;
  } catch (error) {
    throw refuse('a Replace normalizer', (error as Error).message, 'a pattern that JavaScript can read');
  }
};

const replacement = (config: Settings): Normalizer => {
  const content = config.content ?? '';
  if (typeof content !== 'string' || content.includes('$'))
    throw refuse('a Replace normalizer', JSON.stringify(content), 'a content without "$"');
  const pattern = patternOf(config);
  if (pattern === null) throw refuse('a Replace normalizer', 'neither String nor Regex', 'a pattern');
  return (text) => replaceEach(text, pattern, () => content);
};

const strip = (config: Settings): Normalizer => {
  const [left, right] = [config.strip_left === true, config.strip_right === true];
  return (text) => {
    const leftCut = left ? replaceEach(text, /^\s+/g, () => '') : text;
    return right ? replaceEach(leftCut, /\s+$/g, () => '') : leftCut;
  };
};

/**
 * The `normalizer` of a tokenizer.json, null where there is none.
 *
 * @throws DataError for a kind that is not known.
 */
export const readNormalizer = (value: unknown): Normalizer | null => {
  if (value === null || value === undefined) return null;
  const config = settings(value, 'normalizer');
  switch (config.type) {
    case 'BertNormalizer':
      return bertNormalizer(config);
    case 'Sequence': {
      const steps = settingsList(config.normalizers, 'normalizers')
        .map(readNormalizer)
        .filter((step) => step !== null);
      return (text) => steps.reduce((normalized, step) => step(normalized), text);
    }
    case 'NFC':
    case 'NFD':
    case 'NFKC':
    case 'NFKD':
      return (text) => (isPlain(text.text) ? text : normalForm(text, config.type as NormalForm));
    case 'StripAccents':
      return (text) => replaceEach(text, /\p{M}/gu, () => '');
    case 'Lowercase':
      return lowerCase;
    case 'Strip':
      return strip(config);
    case 'Replace':
      return replacement(config);
    case 'Prepend': {
      const before = String(config.prepend ?? '');
      return (text) => prepend(text, before);
    }
    case 'Precompiled':
      return precompiled;
    default:
      throw refuse(
        'normalizer',
        String(config.type),
        'BertNormalizer, Sequence, NFC, NFD, NFKC, NFKD, StripAccents, Lowercase, Strip, Replace, Prepend or Precompiled',
      );
  }
};
