import type { Measured } from './measure.ts';
import type { Statistics } from './sample.ts';

/** The report as Markdown: a row for each case and device, median with its quartiles, and what omoe adds to the bare kernels. */

export interface Tabled {
  readonly node: string;
  readonly place: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly measured: readonly Measured[];
  readonly skipped: readonly { readonly mode: string; readonly reason: string }[];
  readonly failed: readonly {
    readonly case: string;
    readonly size: number;
    readonly mode: string;
    readonly error: string;
  }[];
}

const milliseconds = ({ median, low, high }: Statistics): string =>
  `${median.toPrecision(3)} (${low.toPrecision(3)} – ${high.toPrecision(3)})`;

/** What the kernels add, where both do the same; what they have in common otherwise. */
const added = ({ overhead, bareIsPart, omoe, bare }: Measured): string => {
  if (overhead === null || bare === null) return '';
  if (bareIsPart) return `${(omoe.median / bare.median).toPrecision(2)} × its products`;
  return `${overhead >= 0 ? '+' : '−'}${Math.abs(100 * overhead).toFixed(0)} %`;
};

export function table({ node, place, platform, processor, cores, measured, skipped, failed }: Tabled): string {
  const adapters = new Map(
    measured.map(({ mode, adapter, threads }) => [mode, `${adapter}, ${threads} thread${threads > 1 ? 's' : ''}`]),
  );
  const rows = measured.map((m) => [
    m.title,
    `${m.backend} ${m.mode}`,
    milliseconds(m.omoe),
    m.bare ? milliseconds(m.bare) : '',
    added(m),
    m.omoe.samples,
  ]);
  return [
    `${place === 'Node' ? '' : `${place}, driven by `}Node ${node}, ${platform}, ${cores} × ${processor}`,
    ...[...adapters].map(([mode, adapter]) => `${mode}: ${adapter}`),
    ...skipped.map(({ mode, reason }) => `${mode}: skipped, ${reason}`),
    '',
    '| case | device | omoe, ms: median (quartiles) | bare gpu.js, ms | omoe adds | samples |',
    '| --- | --- | --- | --- | --- | --- |',
    ...rows.map((cells) => `| ${cells.join(' | ')} |`),
    ...failed.map(({ case: name, size, mode, error }) => `\nFAILED ${name} ${size} on ${mode}: ${error}`),
  ].join('\n');
}
