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
      normKept !== null && projectsGradient(result, name) ? `${mean(normKept)}*` : mean(normKept),
      // A method without orthogonal steps has one time; a `-` holds the place of accumulating steps too few to time.
      [msPerStep.accumulate, ...(msPerStep.orthogonal === null ? [] : [msPerStep.orthogonal])]
        .map((ms) => (ms === null ? '-' : number(ms, 1)))
        .join(' / '),
    ]),
  };
}

/** What the columns mean, in one line each. */
export function columnNotes(result: CompareResult): readonly string[] {
  const ofGradient = Object.entries(result.methods).some(
    ([name, { normKept }]) => normKept !== null && projectsGradient(result, name),
  );
  return [
    'Intervals are 95 % t intervals over seeds.',
    'output cosine, CKA: how alike two experts answer the same tokens; 1 is identical.',
    'delta cosine: how alike the experts’ weight changes since the upcycle are.',
    'norm kept: share of an update’s length that the projection left (before the norm is restored).',
    ...(ofGradient
      ? ['* of the gradient, which this method projects before the base optimizer; not comparable with the others.']
      : []),
    'ms/step: median of accumulating / orthogonal steps; processes run side by side, and orthogonal steps include measuring their leakage.',
  ];
}

/** `project=gradient`: the norm kept is that of the gradient, not of the update. */
const projectsGradient = ({ plan }: CompareResult, name: string): boolean =>
  plan.methods.find((method) => method.name === name)?.omoe?.project === 'gradient';

/** What stands below the differences. */
export const differenceNote = 'Each interval stands for itself; none is corrected for the number of methods.';

/** The receipt of the upcycle in words, over all methods and seeds, and a warning where rounding does not explain it. */
export function upcycleSentences(result: CompareResult): readonly string[] {
  const methods = Object.values(result.methods);
  const error = Math.max(...methods.map(({ upcycleError }) => upcycleError));
  const bounds = methods.map(({ upcycleBound }) => upcycleBound);
  const differ = `Right after the upcycle the MoE layers differ from the dense ones by at most ${error.toExponential(1)};`;
  if (!bounds.every((bound) => bound !== null)) {
    if (error === 0) return ['The checkpoint brought its experts along: nothing was upcycled.'];
    return [`${differ} the gates of one expert a token are not renormalised, so the copy is not exact.`];
  }
  const told = `${differ} rounding explains ${Math.max(...bounds).toExponential(1)}.`;
  return methods.every(explained)
    ? [told]
    : [told, 'WARNING: the upcycle is not exact: the methods did not start from the dense model.'];
}

/** Whether rounding explains how far the MoE layers were from the dense ones. A NaN is never explained. */
export const explained = ({
  upcycleError,
  upcycleBound,
}: {
  readonly upcycleError: number;
  readonly upcycleBound: number | null;
}): boolean => upcycleBound === null || upcycleError <= upcycleBound;

/** `0.812 [0.790, 0.834]`; the mean alone where one seed leaves no interval; `-` where the method has no such measure. */
export function interval(measure: Measure | null): string {
  if (measure === null) return '-';
  const { low, high } = measure;
  return Number.isNaN(low) ? mean(measure) : `${mean(measure)} [${number(low)}, ${number(high)}]`;
}

const mean = (measure: Measure | null) => (measure === null ? '-' : number(measure.mean));

/** A fixed number of decimals, so that columns line up; what rounds to zero has no sign. NaN and infinities by name. */
export function number(value: number, decimals = 3): string {
  if (!Number.isFinite(value)) return String(value);
  const text = Math.abs(value).toFixed(decimals);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

/** The same with a sign before what lies above zero too. */
export function signed(value: number, decimals = 3): string {
  const text = number(value, decimals);
  return Number(text) > 0 && Number.isFinite(value) ? `+${text}` : text;
}

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

/** Two differences can agree by chance and then leave no interval at all; a verdict takes three. */
function verdict({ mean, low, high, values }: Measure, above: string, below: string): string {
  if (!Number.isFinite(mean)) return 'not a number: a run diverged';
  if (values.length < 3) return values.length === 1 ? 'one seed cannot tell' : 'two seeds cannot tell';
  if (low > 0) return above;
  if (high < 0) return below;
  return low === 0 && high === 0 ? 'equal' : 'no difference can be told';
}

/** One line on what these numbers are not. */
export function honestLabel(result: CompareResult): string | undefined {
  if (!result.demonstration) return undefined;
  return 'A small demonstration on a generated language: it shows that everything runs, not what is true of language models.';
}
