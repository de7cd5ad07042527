import type { Size } from './case.ts';
import type { Measured } from './measure.ts';
import type { Statistics } from './sample.ts';

/** The report as Markdown: a row for each case and device, median with its quartiles, and what it is a multiple of. */

export interface Failed {
  readonly case: string;
  readonly size: Size;
  readonly mode: string;
  readonly error: string;
}

export interface Tabled {
  readonly node: string;
  readonly place: string;
  readonly platform: string;
  readonly processor: string;
  readonly cores: number;
  readonly seed: number;
  readonly measured: readonly Measured[];
  readonly skipped: readonly { readonly mode: string; readonly reason: string }[];
  readonly failed: readonly Failed[];
}

/** `1.20 (1.10 – 1.30)` */
export const spread = ({ median, low, high }: Statistics): string =>
  `${short(median)} (${short(low)} – ${short(high)})`;

const short = (x: number): string => (x >= 1000 ? x.toFixed(0) : x.toPrecision(3));

/** What the kernels add, where both do the same; what they have in common otherwise. */
const besideBare = ({ overhead, bareIsPart, omoe, bare }: Measured): string[] => {
  if (overhead === null || bare === null) return [];
  const time = `bare gpu.js ${spread(bare)} ms`;
  if (bareIsPart) return [`${(omoe.median / bare.median).toPrecision(2)} × its products in ${time}`];
  return [`${overhead >= 0 ? '+' : '−'}${Math.abs(100 * overhead).toFixed(0)} % over ${time}`];
};
const ofTokens = ({ tokensPerSecond }: Measured): string[] =>
  tokensPerSecond === undefined ? [] : [`${tokensPerSecond.toFixed(0)} tokens/s`];
const besideOthers = ({ beside }: Measured): string[] => beside.map(({ name, ratio }) => `${spread(ratio)} × ${name}`);

export function markdown(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function table({ node, place, platform, processor, cores, seed, measured, skipped, failed }: Tabled): string {
  const adapters = new Map(
    measured.map(({ device, adapter, mode, threads }) => [
      device,
      `${adapter}, ${mode}, ${threads} thread${threads > 1 ? 's' : ''}`,
    ]),
  );
  const rows = measured.map((m) => [
    m.title,
    m.device,
    spread(m.omoe),
    m.gigaflops === null ? '' : m.gigaflops.toFixed(1),
    [...ofTokens(m), ...besideOthers(m), ...besideBare(m)].join('; '),
    m.omoe.samples,
  ]);
  return [
    `${place === 'Node' ? '' : `${place}, driven by `}Node ${node}, ${platform}, ${cores} × ${processor}; order by seed ${seed}`,
    ...[...adapters].map(([device, adapter]) => `${device}: ${adapter}`),
    ...skipped.map(({ mode, reason }) => `${mode}: skipped, ${reason}`),
    ...(rows.length > 0
      ? ['', markdown(['case', 'device', 'ms: median (quartiles)', 'GFLOP/s', 'side by side', 'samples'], rows)]
      : []),
    ...failed.map(({ case: name, size, mode, error }) => `\nFAILED ${name} ${size} on ${mode}: ${error}`),
  ].join('\n');
}
