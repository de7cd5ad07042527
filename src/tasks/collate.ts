import { ShapeError, UsageError } from '../errors.ts';
import type { Batch, Example, HeadKind, Sequence, TokenSpan } from './types.ts';

export const requireCount = (operation: string, name: string, value: number, least: number): void => {
  if (!Number.isSafeInteger(value) || value < least)
    throw new UsageError({ operation, received: `${name} ${value}`, expected: `a whole number, at least ${least}` });
};

const misfit = (received: string, expected: string, advice?: string) =>
  new ShapeError({ operation: 'batch', received, expected, advice });

/**
 * Writes one sentence into its row. A sentence that is too long loses what stands before its last token: the first
 * `length − 1` tokens and the last one stay, so [CLS] and the final [SEP] do.
 */
const writeRow = (tokens: Int32Array | Uint8Array, row: Int32Array | Uint8Array): void => {
  if (tokens.length <= row.length) {
    row.set(tokens);
    return;
  }
  row.set(tokens.subarray(0, row.length));
  if (row.length > 1) row[row.length - 1] = tokens[tokens.length - 1];
};

/** Rows side by side: tokens, segments (null where no row has any) and mask, each [row · length]. */
function layRows(
  rows: readonly Sequence[],
  length: number,
  pad: number,
): Pick<Batch, 'tokens' | 'segments' | 'mask'> & { longest: number } {
  const tokens = new Int32Array(rows.length * length).fill(pad);
  const mask = new Uint8Array(rows.length * length);
  const segments = rows.some((row) => row.segments) ? new Uint8Array(rows.length * length) : null;
  let longest = 0;
  for (const [r, row] of rows.entries()) {
    const [from, to] = [r * length, (r + 1) * length];
    longest = Math.max(longest, row.tokens.length);
    writeRow(row.tokens, tokens.subarray(from, to));
    mask.fill(1, from, from + Math.min(row.tokens.length, length));
    if (row.segments && row.segments.length !== row.tokens.length)
      throw misfit(`${row.segments.length} segments for ${row.tokens.length} tokens`, 'one for each token');
    if (row.segments) writeRow(row.segments, segments!.subarray(from, to));
  }
  return { tokens, segments, mask, longest };
}

/** What every example has equally many of; 0 for no example at all. @throws ShapeError where they differ */
function evenCount(examples: readonly Example[], what: string, count: (example: Example) => number): number {
  const counts = new Set(examples.map(count));
  if (counts.size > 1) throw misfit(`examples with ${[...counts].join(' and ')} ${what}`, 'equally many');
  return counts.values().next().value ?? 0;
}

/** First and last token of a span. @throws ShapeError for an empty one, or one that leaves its text */
function ends({ from, to }: TokenSpan, example: Example, what: string): [number, number] {
  if (Number.isInteger(from) && Number.isInteger(to) && 0 <= from && from < to && to <= example.tokens.length)
    return [from, to - 1];
  throw misfit(`${what} from ${from} to ${to} of ${example.tokens.length} tokens`, 'a span of its tokens, not empty');
}

function laySpans(examples: readonly Example[]): Int32Array | null {
  const count = evenCount(examples, 'marked spans', ({ spans }) => spans?.length ?? 0);
  if (count === 0) return null;
  return Int32Array.from(
    examples.flatMap((example) =>
      example.spans!.flatMap((span) => {
        const [first, last] = ends(span, example, 'a marked span');
        return [first, last + 1];
      }),
    ),
  );
}

function layTags(examples: readonly Example[], length: number): Int32Array {
  const all = new Int32Array(examples.length * length).fill(-1);
  for (const [i, { tags, tokens }] of examples.entries()) {
    if (tags?.length !== tokens.length)
      throw misfit(`${tags?.length ?? 'no'} tags for ${tokens.length} tokens`, 'one for each token, −1 where unscored');
    all.set(tags, i * length);
  }
  return all;
}

/**
 * Puts examples side by side. The length is given, not taken from the longest sentence. The mask comes from the sentences'
 * lengths, not from the padding token; a sentence without tokens gives a row that is all padding.
 *
 * A sentence that is too long is cut before its last token; not so where positions have a meaning (marked spans, tags,
 * answers): whoever made the example was to window it.
 *
 * @throws UsageError for a length below 1; ShapeError where only some examples have a domain, where they differ in choices
 *   or marked spans, and for what does not fit its tokens
 */
export const collate = (
  examples: readonly Example[],
  length: number,
  pad: number,
  head: HeadKind = 'classify',
): Batch => {
  requireCount('batch', 'length', length, 1);
  const size = examples.length;
  const withDomain = examples.filter((example) => example.domain !== undefined).length;
  if (withDomain !== 0 && withDomain !== size)
    throw misfit(`${withDomain} of ${size} examples with a domain`, 'all of them or none');
  const choices = head === 'choose' ? evenCount(examples, 'choices', (example) => example.choices?.length ?? 0) : 1;
  if (head === 'choose' && size > 0 && choices === 0) throw misfit('examples without choices', 'at least one each');
  const rows = head === 'choose' ? examples.flatMap((example) => example.choices!) : examples;
  const { longest, ...laid } = layRows(rows, length, pad);
  const spans = laySpans(examples);
  if (longest > length && (spans || head === 'tag' || head === 'span'))
    throw misfit(`an example of ${longest} tokens`, `at most ${length}`, 'Window or shorten it where it is made.');

  const tags = head === 'tag' ? layTags(examples, length) : null;
  const answers =
    head === 'span'
      ? Int32Array.from(examples.flatMap((e) => ends(e.answer ?? { from: 0, to: 1 }, e, 'an answer')))
      : null;
  return {
    ...laid,
    labels: Int32Array.from(examples, ({ label }) => (head === 'classify' || head === 'choose' ? label : 0)),
    values: head === 'regress' ? Float64Array.from(examples, ({ label }) => label) : null,
    spans,
    tags,
    answers,
    domains: withDomain > 0 ? Int32Array.from(examples, ({ domain }) => domain!) : null,
    size,
    rows: Math.max(1, choices),
    scored: tags ? tags.filter((tag) => tag >= 0).length : size,
    length,
  };
};
