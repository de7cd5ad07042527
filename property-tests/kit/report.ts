import type { Backend } from '../../src/backend.ts';
import { bounds } from './bounds.ts';
import type { Capability } from './capabilities.ts';
import type { LawResult } from './run.ts';
import type { BoundUsage } from './usage.ts';

/** What a run has shown, as data and as plain text. */

export interface Report {
  readonly backend: Pick<Backend, 'name' | 'device' | 'dtypes' | 'limits' | 'promises' | 'ulps'>;
  readonly laws: readonly LawResult[];
  /** Skips whose laws all hold. Each is a failure. */
  readonly needlessSkips: readonly string[];
  readonly operations: readonly Capability[];
  readonly bounds: readonly BoundRow[];
  /** False where a law failed or a skip is no longer needed. */
  readonly passed: boolean;
}

/** What `omoe conform --json` prints. */
export type ReportDocument = ReturnType<typeof reportDocument>;

/** A report as plain data, errors as their messages. `runtime`: where it was made, e.g. `Node v24.1.0`. */
export const reportDocument = (name: string, runtime: string, report: Report) => ({
  schema: 'omoe.conform/1' as const,
  name,
  runtime,
  ...report,
  laws: report.laws.map(({ error, ...law }) => (error ? { ...law, error: error.message } : law)),
});

/** One operation: what it may be off by, and the largest share of that which was seen, by law. */
export interface BoundRow {
  readonly operation: string;
  /** The formula, and where it is derived. Empty for what is met exactly. */
  readonly bound: string;
  /** max(error/bound), at most 1 where the law holds. 0: never off at all; null: not seen. */
  readonly used: Readonly<Record<string, number | null>>;
}

/** The published table of bounds, with the share of each that a run has used. */
export const boundRows = (usage: BoundUsage): BoundRow[] =>
  Object.entries(bounds).map(([operation, bound]) => ({
    operation,
    bound,
    used: Object.fromEntries(usage.columns().map((column) => [column, usage.of(column, operation) ?? null])),
  }));

const short = (ratio: number | null): string => (ratio === null ? '' : ratio === 0 ? '0' : ratio.toPrecision(2));

/** Columns of equal width; the first to the left, the others to the right. */
function textTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ');
  return [head, ...rows].map(line).join('\n');
}

const columnsOf = (rows: readonly BoundRow[]): string[] => Object.keys(rows[0]?.used ?? {});

/** max(error/bound) as plain text: one line an operation, one column a law. 0: never off at all. */
export function formatBounds(rows: readonly BoundRow[]): string {
  const columns = columnsOf(rows);
  const seen = rows.filter(({ used }) => columns.some((column) => used[column] !== null));
  return textTable(
    ['max(error/bound)', ...columns],
    seen.map(({ operation, used }) => [operation, ...columns.map((column) => short(used[column]))]),
  );
}

/**
 * max(error/bound) of the laws about the method as plain text: one line a law, precision and quantity, with the share of the
 * comparisons that rounding left undecided.
 */
export function formatClaims(laws: readonly LawResult[]): string {
  const lines = laws.flatMap(({ law, dtype, used = {}, undecided = {} }) =>
    [...new Set([...Object.keys(used), ...Object.keys(undecided)])].map((quantity) => {
      const open = undecided[quantity];
      const share = open === undefined ? '' : `${(100 * open).toFixed(0)} %`;
      return [`${law}${quantity === 'all' ? '' : `: ${quantity}`}`, dtype, short(used[quantity] ?? null), share];
    }),
  );
  return textTable(['method', 'dtype', 'max(error/bound)', 'undecided'], lines);
}

/** The bounds with what was used of them, in Markdown. */
export function boundsMarkdown(rows: readonly BoundRow[]): string {
  const columns = columnsOf(rows);
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [
    line(['operation', '|computed − exact| ≤', ...columns]),
    line(['---', '---', ...columns.map(() => '---')]),
    ...rows.map(({ operation, bound, used }) =>
      line([`\`${operation}\``, bound || 'exact', ...columns.map((column) => short(used[column]))]),
    ),
  ].join('\n');
}
