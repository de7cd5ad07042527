/**
 * GLUE's files into rows. The TSV files have no quoting: a quote is a letter like any other. Lines are split as
 * `splitLines` says, then at tabs; columns are found by the names in the first line, where a file has one.
 */
import { DataError } from '../../errors.ts';
import type { Records } from '../dataset.ts';
import { placeOf, type Source } from '../source.ts';
import { type GlueName, type GlueTask, glueTable } from './table.ts';

/** One record, before any tokenisation. */
export interface GlueRow {
  readonly sentence: string;
  /** The second text of a task that has two. */
  readonly pair?: string;
  /** Index of the class, or the score of STS-B; null where it is hidden. */
  readonly label: number | null;
}

export type Labels = 'required' | 'optional';

/** What a TSV file of the task must hold, in words. */
export const layoutOf = (task: GlueTask): string => {
  const columns = task.headerless ?? [...task.texts, task.label];
  const names = task.headerless ? 'no header' : 'named in the first line';
  return `${columns.length} tab-separated columns (${columns.join(', ')}), ${names}`;
};

const faultOf = (task: GlueTask, place: string, received: string, expected: string, advice?: string): DataError =>
  new DataError({ operation: `read ${task.title}`, received: `${received} at ${place}`, expected, advice });

/** The columns of a file: how many, where the texts and the label stand (−1: hidden), and the first line of data. */
interface Columns {
  readonly width: number;
  readonly texts: readonly number[];
  readonly label: number;
  readonly first: number;
}

const findColumns = (task: GlueTask, lines: readonly string[], name: string, labels: Labels): Columns => {
  const header = lines[0].split('\t');
  // Of the files without names only test.tsv has them, for it lacks the label.
  const named = task.headerless === undefined || (labels === 'optional' && header[0] === 'index');
  const names = named ? header : task.headerless;
  const texts = task.texts.map((column) => names.indexOf(column));
  const label = names.indexOf(task.label);
  if (texts.includes(-1) || (label === -1 && labels === 'required')) {
    const isTest = label === -1 && !texts.includes(-1);
    throw faultOf(
      task,
      `${name}:1`,
      `the header ${JSON.stringify(lines[0].slice(0, 80))}`,
      layoutOf(task),
      isTest ? 'This looks like test.tsv, which has no labels.' : undefined,
    );
  }
  return { width: names.length, texts, label, first: named ? 1 : 0 };
};

const parseLabel = (task: GlueTask, cell: string, place: string): number => {
  const received = `the label ${JSON.stringify(cell.slice(0, 40))}`;
  if (task.labels.length === 0) {
    const score = cell.trim() === '' ? Number.NaN : Number(cell);
    if (!(score >= 0 && score <= 5)) throw faultOf(task, place, received, 'a score from 0 to 5');
    return score;
  }
  const label = task.labels.indexOf(cell);
  if (label === -1) throw faultOf(task, place, received, task.labels.join(' or '));
  return label;
};

/** Texts as a row; spaces at the ends mean nothing (SST-2 ends every sentence with one). */
const rowOf = (task: GlueTask, texts: readonly string[], label: number | null, place: string): GlueRow => {
  const [sentence, pair] = texts.map((text) => text.trim());
  if (task.emptyTexts !== 'allowed' && (sentence === '' || pair === ''))
    throw faultOf(task, place, 'an empty sentence', 'a sentence');
  return pair === undefined ? { sentence, label } : { sentence, pair, label };
};

const parseLines = (task: GlueTask, lines: readonly string[], name: string, labels: Labels): Records<GlueRow> => {
  const { width, texts, label, first } = findColumns(task, lines, name, labels);
  const rows: GlueRow[] = [];
  let skipped = 0;
  for (let i = first; i < lines.length; i++) {
    const place = `${name}:${i + 1}`;
    const cells = lines[i].split('\t');
    if (cells.length < width && task.shortLines === 'skipped') {
      skipped++;
      continue;
    }
    if (cells.length !== width) {
      // A file with names may have more columns than are read.
      const expected = first === 0 ? `${width}: ${layoutOf(task)}` : `${width}, as many as its first line names`;
      throw faultOf(task, place, `${cells.length} columns`, expected);
    }
    const value = label === -1 ? null : parseLabel(task, cells[label], place);
    rows.push(
      rowOf(
        task,
        texts.map((at) => cells[at]),
        value,
        place,
      ),
    );
  }
  if (rows.length === 0) throw faultOf(task, `${name}:${lines.length}`, 'a header and no rows', 'at least one row');
  return { rows, skipped };
};

/** Objects of JSONL, with labels as words, or of Parquet, with labels as numbers. */
const parseObjects = (task: GlueTask, source: Exclude<Source, { kind: 'lines' }>, labels: Labels): Records<GlueRow> => {
  const columns = source.kind === 'parquet' ? task.hub : task.jsonl;
  if (columns === undefined)
    throw faultOf(task, placeOf(source, 0), 'JSONL', `TSV with ${layoutOf(task)}, or Hugging Face's Parquet`);
  const hub = source.kind === 'parquet';
  const rows = source.objects.map((cells, i): GlueRow => {
    const place = placeOf(source, i);
    const texts = columns.map((column) => {
      const text = cells[column];
      if (typeof text !== 'string') throw faultOf(task, place, `no text "${column}"`, `${columns.join(', ')}, label`);
      return text;
    });
    const hidden = cells.label === undefined || cells.label === null || (hub && cells.label === -1);
    if (hidden && labels === 'required')
      throw faultOf(task, place, 'no label', 'a label', 'The labels of the test files are hidden.');
    const numbered = hub && task.labels.length > 0 && typeof cells.label === 'number';
    const known = numbered ? (task.labels[cells.label as number] ?? String(cells.label)) : String(cells.label);
    return rowOf(task, texts, hidden ? null : parseLabel(task, known, place), place);
  });
  if (rows.length === 0) throw faultOf(task, source.path, 'no rows', 'at least one row');
  return { rows, skipped: 0 };
};

/**
 * The rows of one file of a GLUE task.
 *
 * @param labels `optional` takes files without them too, as test.tsv is.
 * @throws DataError naming file and line for a missing header or column, a wrong number of columns, a label that is none
 *   of the task's, or a sentence of nothing but spaces; and for a file without rows.
 */
export const glueRecords = (glue: GlueName, source: Source, labels: Labels): Records<GlueRow> => {
  const task: GlueTask = glueTable[glue];
  if (source.kind === 'lines') return parseLines(task, source.lines, source.path, labels);
  return parseObjects(task, source, labels);
};

/**
 * {@link glueRecords} of the lines of a TSV file.
 * @param name its path, for errors.
 */
export const parseGlue = (glue: GlueName, lines: readonly string[], name: string, labels: Labels = 'required') => [
  ...glueRecords(glue, { kind: 'lines', path: name, lines }, labels).rows,
];
