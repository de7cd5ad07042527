import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { flagReader } from '../train/flags.ts';
import { encodeJson } from '../train/json.ts';
import { writeWhole } from '../train/run-folder.ts';
import { sourceNamed } from './data.ts';
import type { Environment, OutputFlags } from './environment.ts';

const { integer } = flagReader('data sentences');

export interface DataSentencesFlags extends OutputFlags {
  readonly data: string;
  readonly out?: string;
  readonly limit?: string;
}

/**
 * A text as one line that `splitDocuments` takes for a paragraph: its line ends and tabs are spaces, so that neither an
 * empty line cuts it nor a number and a tab stand at its beginning; and it is no "= Title =" of wikitext.
 */
const asParagraph = (text: string): string => text.trim().replace(/\s+/g, ' ').replace(/^= /, '=');

/** Each distinct text once, in the order in which they come first. */
export const distinctParagraphs = (texts: readonly string[]): string[] =>
  [...new Set(texts.map(asParagraph))].filter((text) => text !== '');

/**
 * `omoe data sentences`: the texts of the records that a task trains on, each once, as paragraphs of plain text. What is
 * measured on is left out by the very split that a training makes; a text that both parts have is kept.
 *
 * @throws UsageError for an unknown task, one without training records, or an `--out` that is there already; DataError for files
 *   that are missing or malformed
 */
export async function dataSentences(name: string, flags: DataSentencesFlags, environment: Environment): Promise<void> {
  const source = sourceNamed('data sentences', name);
  const limit = flags.limit === undefined ? Number.POSITIVE_INFINITY : integer('--limit', flags.limit, 1, 1);
  const { out } = flags;
  if (out !== undefined && existsSync(out))
    throw new UsageError({
      operation: 'data sentences --out',
      received: `${out}, which is there already`,
      expected: 'a new file',
      advice: 'Nothing is overwritten: name another file, or remove this one first.',
    });
  const texts = distinctParagraphs(await source.sentences(flags.data, readFile)).slice(0, limit);
  const plain = texts.map((text) => `${text}\n`).join('\n');
  if (out !== undefined) await writeWhole(out, plain);
  if (flags.json) {
    const told = out === undefined ? { sentences: texts } : { out };
    environment.stdout.write(`${encodeJson({ task: name, data: flags.data, texts: texts.length, ...told }, 2)}\n`);
  } else if (out === undefined) environment.stdout.write(plain);
  else if (!flags.quiet) environment.stderr.write(`${out}: ${texts.length} texts\n`);
}
