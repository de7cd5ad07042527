import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';
import { leaksOf, type MeasuredTexts } from '../tasks/leaks.ts';
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
  /** Other tasks and their folders: `mrpc=glue/MRPC`. */
  readonly without?: readonly string[];
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
 * `omoe data sentences`: the texts of the records that a task trains on, each once, as paragraphs of plain text. Records that
 * are measured on are left out by the very split that a training makes. Their texts may stand in training records too, or in
 * those of another task: a text is left out that is one of the dev and test texts of the task itself or of those of `--without`,
 * or contains one of at least five words (`leaksOf`).
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
  const all = distinctParagraphs(await source.sentences(flags.data, readFile));
  const { kept, leftOut } = withoutLeaks(all, await measuredOn(name, flags));
  const texts = kept.slice(0, limit);
  const plain = texts.map((text) => `${text}\n`).join('\n');
  if (out !== undefined) await writeWhole(out, plain);
  if (flags.json) {
    const told = out === undefined ? { sentences: texts } : { out };
    const document = { task: name, data: flags.data, texts: texts.length, leftOut, ...told };
    environment.stdout.write(`${encodeJson(document, 2)}\n`);
  } else if (out === undefined) environment.stdout.write(plain);
  else if (!flags.quiet) environment.stderr.write(`${out}: ${texts.length} texts\n`);
  if (!flags.quiet) for (const note of leftOut.flatMap(notesOf)) environment.stderr.write(`note: ${note}\n`);
}

/** Texts of a task left out because another, or itself, is measured on them. */
interface LeftOut {
  readonly task: string;
  readonly same: number;
  readonly contains: number;
}

function withoutLeaks(texts: readonly string[], measured: readonly MeasuredTexts[]) {
  const leakOf = leaksOf(measured);
  const counts = new Map<string, { same: number; contains: number }>();
  const kept = texts.filter((text) => {
    const leak = leakOf(text);
    if (leak === null) return true;
    const count = counts.get(leak.task) ?? { same: 0, contains: 0 };
    count[leak.how]++;
    counts.set(leak.task, count);
    return false;
  });
  const leftOut: LeftOut[] = [...counts].map(([task, count]) => ({ task, ...count }));
  return { kept, leftOut };
}

const counted = (count: number): string => `${count} text${count === 1 ? '' : 's'}`;

const notesOf = ({ task, same, contains }: LeftOut): string[] => [
  ...(same > 0 ? [`left out ${counted(same)} that ${task} is measured on.`] : []),
  ...(contains > 0 ? [`left out ${counted(contains)} with one inside that ${task} is measured on.`] : []),
];

/** What the task itself and those of `--without` are measured on; the task itself first. */
async function measuredOn(name: string, { data, without = [] }: DataSentencesFlags): Promise<MeasuredTexts[]> {
  const asked = without.map((text) => {
    const [, task, folder] = /^([^=]+)=(.+)$/s.exec(text) ?? [];
    if (task !== undefined && folder !== undefined)
      return { source: sourceNamed('data sentences --without', task), folder };
    throw new UsageError({
      operation: 'data sentences --without',
      received: `"${text}"`,
      expected: 'a task and its folder, such as mrpc=glue/MRPC',
    });
  });
  const measured: MeasuredTexts[] = [];
  const own = { source: sourceNamed('data sentences', name), folder: data };
  const others = asked.filter(({ source, folder }) => source.name !== name || folder !== data);
  for (const { source, folder } of [own, ...others])
    measured.push({ task: source.name, texts: await source.measured(folder, readFile) });
  return measured;
}
