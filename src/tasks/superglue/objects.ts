/** Objects of JSONL or Parquet into records, with a schema and the place of whatever is wrong. */
import * as v from 'valibot';
import { DataError } from '../../errors.ts';
import type { Records } from '../dataset.ts';
import { placeOf, type Source } from '../source.ts';

/** What a record needs to know of where it is from. */
export interface Origin {
  readonly place: string;
  /** Hugging Face's numbers and flat columns instead of the official words and nesting. */
  readonly hub: boolean;
  readonly labels: 'required' | 'optional';
  fault(received: string, expected: string): DataError;
}

/** A text that says something; spaces at its ends stay, for offsets count them. */
export const words = v.pipe(
  v.string(),
  v.check((text) => text.trim() !== '', 'an empty text'),
);
export const place = v.pipe(v.number(), v.integer(), v.minValue(0));

/**
 * Places of a text: the files count code points, a string here UTF-16 units, and a character outside the first plane
 * is two of these. A place behind the end stays behind it.
 */
export const unitsOf = (text: string): ((codePoint: number) => number) => {
  if (!/[\ud800-\udfff]/.test(text)) return (at) => at;
  const starts = [0];
  for (const character of text) starts.push(starts[starts.length - 1] + character.length);
  return (at) => starts[at] ?? text.length + at - starts.length + 1;
};

/** Checks an object; names the field that is wrong. */
export const check = <Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  origin: Origin,
): v.InferOutput<Schema> => {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  throw origin.fault(`${v.getDotPath(issue) ?? 'the object'}: ${issue.message}`, 'the official layout');
};

/**
 * A label as the index of its class, null where it is hidden.
 *
 * @param names what the official files write for the classes: words, booleans or numbers.
 */
export const labelOf = (value: unknown, names: readonly unknown[], origin: Origin): number | null => {
  const hidden = value === undefined || value === null || (origin.hub && value === -1);
  if (hidden && origin.labels === 'optional') return null;
  if (hidden) throw origin.fault('no label', 'a label: those of the test files are hidden');
  const label = origin.hub && typeof value === 'number' ? value : names.indexOf(value);
  if (Number.isInteger(label) && label >= 0 && label < names.length) return label;
  throw origin.fault(`the label ${JSON.stringify(value)}`, names.map((name) => JSON.stringify(name)).join(' or '));
};

/**
 * The records of a file, of each object none, one or several.
 *
 * @throws DataError for TSV, for a file without records, and whatever `each` throws.
 */
export const readObjects = <Row>(
  title: string,
  source: Source,
  labels: 'required' | 'optional',
  each: (value: unknown, origin: Origin) => readonly Row[],
): Records<Row> => {
  const fail = (at: string) => (received: string, expected: string) =>
    new DataError({ operation: `read ${title}`, received: `${received} at ${at}`, expected });
  if (source.kind === 'lines') throw fail(source.path)('lines of text', 'JSONL, or Parquet of Hugging Face');
  const hub = source.kind === 'parquet';
  const rows = source.objects.flatMap((value, i) => {
    const at = placeOf(source, i);
    return each(value, { place: at, hub, labels, fault: fail(at) });
  });
  if (rows.length === 0) throw fail(source.path)('no records', 'at least one');
  return { rows, skipped: 0 };
};
