import { refuse, type Settings, settings, settingsList } from './settings.ts';
import { prepend, relabel, slice, type Traced } from './traced.ts';

/** Splits a normalised text into the words that the model sees one by one. `first`: nothing stands before it. */
export type Presplit = (text: Traced, first: boolean) => readonly Traced[];

const matches = (text: Traced, pattern: RegExp): Traced[] => {
  const found: Traced[] = [];
  for (const match of text.text.matchAll(pattern)) found.push(slice(text, match.index, match.index + match[0].length));
  return found;
};

/** Words, and every punctuation character by itself: Unicode's, and all of ASCII that is no letter, digit or space. */
const bertWord = /[^\s\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]+|[\p{P}\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e]/gu;

/** GPT-2's words: English endings; letters, digits or others with the one space before them; remaining spaces. */
const gptWord = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

const byteLevel = (config: Settings): Presplit => {
  const prefix = config.add_prefix_space === true;
  if (config.use_regex === false) throw refuse('ByteLevel', 'use_regex: false', 'words split by the pattern of GPT-2');
  return (text) => matches(prefix && !text.text.startsWith(' ') ? prepend(text, ' ') : text, gptWord);
};

/** SentencePiece's: spaces become "▁", and one is put before a text that does not begin with it. */
const metaspace = (config: Settings): Presplit => {
  const space = config.replacement ?? '\u2581';
  if (space !== '\u2581') throw refuse('Metaspace', `replacement ${JSON.stringify(space)}`, '"\u2581"');
  if (config.prepend_scheme === undefined && config.add_prefix_space === false)
    throw refuse('Metaspace', 'add_prefix_space: false', 'a prefix space, or a prepend_scheme that says when');
  const scheme = config.prepend_scheme ?? 'always';
  return (text, first) => {
    const marked = relabel(text, text.text.replaceAll(' ', space));
    const wanted = scheme === 'always' || (scheme === 'first' && first);
    return [wanted && !marked.text.startsWith(space) ? prepend(marked, space) : marked];
  };
};

/**
 * The `pre_tokenizer` of a tokenizer.json.
 *
 * @throws DataError for a kind that is not known.
 */
export const readPresplit = (value: unknown): Presplit => {
  if (value === null || value === undefined) return (text) => [text];
  const config = settings(value, 'pre_tokenizer');
  switch (config.type) {
    case 'BertPreTokenizer':
      return (text) => matches(text, bertWord);
    case 'WhitespaceSplit':
      return (text) => matches(text, /\S+/g);
    case 'ByteLevel':
      return byteLevel(config);
    case 'Metaspace':
      return metaspace(config);
    case 'Sequence': {
      const steps = settingsList(config.pretokenizers, 'pretokenizers').map(readPresplit);
      return (text, first) =>
        steps.reduce<readonly Traced[]>((words, step) => words.flatMap((word) => step(word, first)), [text]);
    }
    default:
      throw refuse(
        'pre_tokenizer',
        String(config.type),
        'BertPreTokenizer, WhitespaceSplit, ByteLevel, Metaspace or a Sequence of these',
      );
  }
};
