import type { CompareResult, Difference, Measure } from '../train/result.ts';

/** The table that people read, on the terminal and in the report. One row a method, all cells as text. */
export interface SummaryTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

export function summaryTable(result: CompareResult): SummaryTable {
  const methods = Object.entries(result.methods);
  const metricName = methods[0]?.[1].metric.name ?? 'metric';
  return {
    columns: ['method', metricName, 'output cosine', 'CKA', 'delta cosine', 'norm kept', 'ms/step'],
    rows: methods.map(([name, { metric, outputCosine, cka, weightDeltaCosine, normKept, msPerStep }]) => [
      name,
      interval(metric),
      interval(outputCosine),
      mean(cka),
      mean(weightDeltaCosine),
      mean(normKept),
      [msPerStep.accumulate, msPerStep.orthogonal]
        .filter((ms) => ms !== null)
        .map((ms) => number(ms, 1))
        .join(' / '),
    ]),
  };
}

/** What the columns mean, in one line each. */
export const columnNotes: readonly string[] = [
  'Intervals are 95 % t intervals over seeds.',
  'output cosine, CKA: how alike two experts answer the same tokens; 1 is identical.',
  'delta cosine: how alike the experts’ weight changes since the upcycle are.',
  'norm kept: share of an update’s length that the projection left (before the norm is restored).',
  'ms/step: accumulating steps / orthogonal steps.',
];

/** `0.812 [0.790, 0.834]`; the mean alone where one seed leaves no interval; `-` where the method has no such measure. */
export function interval(measure: Measure | null): string {
  if (measure === null) return '-';
  const { low, high } = measure;
  return Number.isNaN(low) ? mean(measure) : `${mean(measure)} [${number(low)}, ${number(high)}]`;
}

const mean = (measure: Measure | null) => (measure === null ? '-' : number(measure.mean));

/** A fixed number of decimals, so that columns line up; NaN and infinities by name. */
export const number = (value: number, decimals = 3): string =>
  Number.isFinite(value) ? value.toFixed(decimals) : String(value);

const signed = (value: number) => `${value >= 0 ? '+' : '−'}${number(Math.abs(value))}`;

/**
 * A paired difference in words, e.g. `omoe against adamw: accuracy +0.004 [−0.010, +0.018], no difference can be told;
 * expert outputs less alike, cosine −0.073 [−0.086, −0.055].`
 *
 * A difference is named only where its interval leaves out zero.
 */
export function differenceSentence({ method, baseline, metric, outputCosine }: Difference, metricName: string): string {
  const score = `${metricName} ${range(metric)}, ${verdict(metric, 'higher', 'lower')}`;
  const cosine = `cosine of expert outputs ${range(outputCosine)}, ${verdict(outputCosine, 'more alike', 'less alike')}`;
  return `${method} against ${baseline}: ${score}; ${cosine}.`;
}

function range({ mean, low, high }: Measure): string {
  if (!Number.isFinite(mean)) return String(mean);
  return Number.isNaN(low) ? signed(mean) : `${signed(mean)} [${signed(low)}, ${signed(high)}]`;
}

function verdict({ mean, low, high }: Measure, above: string, below: string): string {
  if (!Number.isFinite(mean)) return 'not a number: a run diverged';
  if (Number.isNaN(low)) return 'one seed cannot tell';
  if (low > 0) return above;
  if (high < 0) return below;
  return low === 0 && high === 0 ? 'equal' : 'no difference can be told';
}

/** One line on what these numbers are not. */
export function honestLabel(result: CompareResult): string | undefined {
  if (!result.demonstration) return undefined;
  return 'A small demonstration on a generated language: it shows that everything runs, not what is true of language models.';
}
