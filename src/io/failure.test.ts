import { expect, it } from 'vitest';
import { DataError } from '../errors.ts';
import { findFile } from '../tasks/folder.ts';
import { readBytes } from '../text/lines.ts';
import { readTokenizer } from '../text/read-tokenizer.ts';
import { isMissing } from './failure.ts';

const coded = (code: string) => Object.assign(new Error(code), { code });

it('no such file is said by a code, by the name that browsers have, or by the cause of an error of ours', () => {
  const named = Object.assign(new Error('gone'), { name: 'NotFoundError' });
  for (const absent of [coded('ENOENT'), named]) {
    expect(isMissing(absent)).toBe(true);
    const complaint = { operation: 'read', received: 'nothing', expected: 'a file' };
    expect(isMissing(new DataError(complaint, { cause: absent }))).toBe(true);
    expect(isMissing(new DataError(complaint))).toBe(false);
  }
  for (const other of [coded('EACCES'), coded('ENOTDIR'), new TypeError('fetch failed'), undefined])
    expect(isMissing(other)).toBe(false);
});

it('every search for a file tells one that is not there from one that cannot be read', async () => {
  const searches = [
    (error: Error) => findFile('d', ['a', 'b'], 'a file', () => Promise.reject(error)),
    (error: Error) => readTokenizer('d', () => Promise.reject(error)),
  ];
  const named = Object.assign(new Error('gone'), { name: 'NotFoundError' });
  for (const absent of [coded('ENOENT'), named]) {
    expect(await searches[0](absent)).toBeNull();
    await expect(searches[1](absent)).rejects.toThrow(/none of them in d/);
    await expect(readBytes('d/a', 'a file', () => Promise.reject(absent))).rejects.toThrow(/no such file, d\/a/);
  }
  // A network that fails is no answer to what is there.
  for (const search of searches) await expect(search(new TypeError('fetch failed'))).rejects.toThrow(/fetch failed/);
});
