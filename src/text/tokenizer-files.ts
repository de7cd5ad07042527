import { DataError } from '../errors.ts';
import { codeOf, isMissing } from '../io/failure.ts';
import type { ReadFile } from './lines.ts';

/** What of a model's folder belongs to its tokenizer. */
export const tokenizerNames: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
  'special_tokens_map.json',
];

/** Those of a folder that are there, by name. @throws DataError for one that is there and cannot be read */
export async function readTokenizerFiles(folder: string, read: ReadFile): Promise<Map<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of tokenizerNames) {
    const path = `${folder.replace(/\/$/, '')}/${name}`;
    try {
      files.set(name, await read(path));
    } catch (error) {
      if (isMissing(error)) continue;
      const complaint = { operation: `read ${path}`, received: codeOf(error), expected: 'a part of a tokenizer' };
      throw new DataError(complaint, { cause: error });
    }
  }
  return files;
}
