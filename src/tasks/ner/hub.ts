/**
 * Tagged sentences as Hugging Face has them (`conll2003`, `wnut_17`): a row a sentence, `tokens` its words, `ner_tags` the number
 * of each word's tag. There are no documents: -DOCSTART- lines are left out there.
 */
import { DataError } from '../../errors.ts';
import type { Cells } from '../parquet.ts';
import { type ConllRecords, type Line, taggedRecords } from './conll.ts';

export const hubLayout = "Hugging Face's Parquet with tokens and ner_tags, a number for each token";

/**
 * The records of the rows of a Parquet file. Sentences without words, which some versions of `conll2003` end in, are left out.
 *
 * @param names what the numbers mean, in their order.
 * @throws DataError naming the row that has other columns, as many tags as it has no words, or a tag that has no name; and for a
 *   file without words.
 */
export const tagsOfRows = (rows: readonly Cells[], path: string, names: readonly string[]): ConllRecords => {
  const placeOf = (number: number): string => `row ${number} of ${path}`;
  const fault = (number: number, received: string, expected: string): DataError =>
    new DataError({ operation: 'read Parquet', received: `${received} at ${placeOf(number)}`, expected });
  const read = rows.map(({ tokens, ner_tags: tags }, i): Line[] => {
    const number = i + 1;
    if (!Array.isArray(tokens) || !Array.isArray(tags)) {
      const missing = Array.isArray(tokens) ? 'ner_tags' : 'tokens';
      throw fault(number, `no list "${missing}"`, hubLayout);
    }
    if (tokens.length !== tags.length)
      throw fault(number, `${tags.length} tags of ${tokens.length} words`, 'one for each');
    return tokens.map((word, at) => {
      if (typeof word !== 'string' || word.trim() === '')
        throw fault(number, `the word ${JSON.stringify(word)}`, 'a word');
      const tag = names[tags[at]];
      if (tag === undefined)
        throw fault(number, `the tag ${JSON.stringify(tags[at])}`, `0 to ${names.length - 1}, for ${names.join(', ')}`);
      return { number, word, tag };
    });
  });
  const sentences = read.filter((words) => words.length > 0);
  if (sentences.length === 0)
    throw new DataError({ operation: 'read Parquet', received: `no word in ${path}`, expected: hubLayout });
  return taggedRecords({ sentences, documentOf: sentences.map(() => 0), documents: 1, placeOf }, 'found out');
};
