import { DataError } from '../errors.ts';
import { isMissing } from '../io/failure.ts';
import { bertSettings, robertaSettings } from './families.ts';
import { type ReadFile, readBytes, splitLines } from './lines.ts';
import { buildTokenizer } from './pipeline.ts';
import { parseSettings, refuse, type Settings } from './settings.ts';
import type { PieceTokenizer } from './tokenizer.ts';
import { expectedVocabulary, numberPieces } from './wordpiece.ts';

/** The bytes of a file, or null where there is none. @throws DataError where it is there and cannot be read. */
const readIfPresent = async (path: string, read: ReadFile): Promise<Uint8Array | null> => {
  try {
    return await readBytes(path, 'a part of a tokenizer', read);
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
};

const parseBytes = (bytes: Uint8Array, name: string): Settings =>
  parseSettings(splitLines(bytes, name).join('\n'), name);

/** A switch of tokenizer_config.json. @throws DataError where it is neither true nor false. */
const switched = (config: Settings, name: string): boolean | undefined => {
  const value = config[name] ?? undefined;
  if (value !== undefined && typeof value !== 'boolean') throw refuse(name, JSON.stringify(value), 'true or false');
  return value;
};

/** The merges of a merges.txt; its first line may say a version. */
const readMerges = async (path: string, read: ReadFile): Promise<string[]> => {
  const lines = splitLines(await readBytes(path, 'the merges that go with vocab.json', read), path);
  return lines.filter((line, i) => line !== '' && !(i === 0 && line.startsWith('#version')));
};

/**
 * The tokenizer of a model folder in the layout of Hugging Face: tokenizer.json, else BERT's vocab.txt, else RoBERTa's
 * vocab.json and merges.txt. Of a tokenizer_config.json the last two take `do_lower_case`, `strip_accents`,
 * `tokenize_chinese_chars` and `add_prefix_space`; without one, vocab.txt is taken for uncased, as the reference does.
 *
 * @param read rejects with the code ENOENT, or as a browser with NotFoundError, where there is no file
 * @throws DataError where none is there, one cannot be read, or its settings are not understood.
 */
export const readTokenizer = async (folder: string, read: ReadFile): Promise<PieceTokenizer> => {
  const at = (name: string): string => `${folder.replace(/\/$/, '')}/${name}`;
  const whole = await readIfPresent(at('tokenizer.json'), read);
  if (whole !== null) return buildTokenizer(parseBytes(whole, at('tokenizer.json')));
  const configured = await readIfPresent(at('tokenizer_config.json'), read);
  const config = configured === null ? {} : parseBytes(configured, at('tokenizer_config.json'));
  const pieces = await readIfPresent(at('vocab.txt'), read);
  if (pieces !== null) {
    const options = {
      lowerCase: switched(config, 'do_lower_case'),
      stripAccents: switched(config, 'strip_accents'),
      ideographsApart: switched(config, 'tokenize_chinese_chars'),
    };
    return buildTokenizer(bertSettings(numberPieces(splitLines(pieces, at('vocab.txt')), at('vocab.txt')), options));
  }
  const vocab = await readIfPresent(at('vocab.json'), read);
  if (vocab !== null) {
    const merges = await readMerges(at('merges.txt'), read);
    return buildTokenizer(
      robertaSettings(parseBytes(vocab, at('vocab.json')), merges, switched(config, 'add_prefix_space')),
    );
  }
  throw new DataError({
    operation: 'read tokenizer',
    received: `none of them in ${folder}`,
    expected: 'tokenizer.json, vocab.txt, or vocab.json with merges.txt',
    advice: `A vocab.txt is ${expectedVocabulary}.`,
  });
};
