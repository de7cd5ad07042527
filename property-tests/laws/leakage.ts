import fc from 'fast-check';
import { array, type Real } from '../../spec/array.ts';
import { sources } from '../../spec/method/combine.ts';
import { cols } from '../../spec/method/linear-algebra.ts';
import { leakage } from '../../spec/method/measures/optimizer.ts';
import { accumulateStep, cyclePosition } from '../../spec/method/omoe.ts';
import { statisticSize, withoutBiasRow } from '../../spec/method/project-update.ts';
import { stacked } from '../../spec/method/projector.ts';
import { emptySketch, type Sketch } from '../../spec/method/sketch.ts';
import { gamma } from '../../spec/rounding/model.ts';
import type { OmoeOptions } from '../../src/optim/index.ts';
import { key } from '../../src/random.ts';
import { drawnOptions } from '../arbitraries/columns.ts';
import { expertMatrix, expertStep, type GivenCycle, givenCycles, type RunStep, runCycle } from '../kit/given-cycle.ts';
import { type Claims, claim, law, type MethodLaw, precisionOf } from '../kit/method.ts';
import type { Precision } from '../kit/method-bounds.ts';
import { formingAndApplying, singularVectors } from '../kit/projector-rounding.ts';

/**
 * What an orthogonal step reports of its leakage where columns were sketched: never less than the truth. The truth is that of
 * spec/method/measures/optimizer.ts, of the update as it was applied and of every column that was recorded.
 */

/** A cap of one or two columns, and phases that record more of them. */
const switches = () =>
  fc
    .record({
      sketch: fc.constantFrom(1, 2),
      project: fc.constantFrom<OmoeOptions['project']>('update', 'gradient'),
      bias: fc.constantFrom<OmoeOptions['bias']>('augment', 'freeze', 'free'),
      columns: fc.constantFrom<OmoeOptions['columns']>('others', 'own', 'shared'),
      control: fc.constantFrom<OmoeOptions['control']>('none', 'none', 'rotated', 'norm-matched'),
      forgetting: fc.constantFrom(1, 1, 0.75),
      layers: fc.constant<OmoeOptions['layers']>('both'),
      accumulateSteps: fc.constant(4),
      orthogonalSteps: fc.constant(2),
    })
    .chain(drawnOptions);

/** All columns of each expert up to step s, none of them given up. */
function recorded(cycle: GivenCycle, options: OmoeOptions, s: number): readonly Sketch[] {
  const matrices = Array.from({ length: cycle.experts }, (_, e) => expertMatrix(cycle.start, e));
  let statistics: readonly Sketch[] = matrices.map((m) => emptySketch(statisticSize(options.side, options.bias, m)));
  for (let step = 0; step < s; step++) {
    const { phase, index } = cyclePosition(step, options);
    if (phase === 'accumulate')
      statistics = accumulateStep(
        { matrices, statistics },
        { ...options, sketch: 0 },
        expertStep(cycle, step, 0),
        index,
      );
  }
  return statistics;
}

/**
 * What rounding adds to the square of a leakage. `c`: a mean of eighths is rounded by its division alone, a column forgets by
 * one product a step, and their square by as much again. `h`: columns rounded on the way to the engine, a product along at
 * most `inner` numbers, and the two norms, of `entries` numbers together. Either enters a leakage, whose square it moves by
 * 2x + x² ≤ 3x at most. On the host in Float64: every shrink moves BBᵀ by 2·(its error)·‖A‖²_F, the QR that narrows B likewise.
 */
function rounding(all: Real, options: OmoeOptions, update: Real, { u, ulps }: Precision): number {
  const [size, inner] = [all.shape[0], Math.max(...update.shape) + 1];
  const entries = size * inner + update.shape[0] * update.shape[1];
  const c = gamma(2 * ulps.divide + 2 * options.accumulateSteps * 2, u);
  const h = gamma(inner + entries + 8 + 4 * ulps.sqrt, u);
  const shrinks = Math.ceil(cols(all) / options.sketch) + 1;
  const sketching = 2 * shrinks * singularVectors(size, 2 * options.sketch) + 2 * formingAndApplying(size, cols(all));
  return 3 * (2 * c + h) + sketching;
}

/** The reports of one orthogonal step against A_{−i} and what was applied. */
function claimReported(
  step: RunStep,
  statistics: readonly Sketch[],
  options: OmoeOptions,
  precision: Precision,
  { claimAtMost }: Claims,
): void {
  const side = options.side === 'input' ? 'input' : 'output';
  step.updates.forEach((matrix, i) => {
    const whole = array(matrix.data, [matrix.rows, matrix.cols]);
    const update = side === 'input' && options.bias !== 'augment' ? withoutBiasRow(whole).weight : whole;
    const all = stacked(
      sources(i, step.updates.length, 'others').map((j) => statistics[j].columns),
      statisticSize(side, options.bias, whole),
    );
    const [truth, said] = [leakage(all, update, side), step.reports[0].leakage[i]];
    claim((truth === null) === (said === null), () => `leakage of expert ${i} is ${said}, but should be ${truth}`);
    if (truth === null || said === null) return;
    const slack = rounding(all, options, update, precision);
    claimAtMost(truth ** 2, said ** 2, slack, `the squared leakage of expert ${i}, by what is reported`, 'leakage');
    const given = 1 / (options.sketch + 1);
    claimAtMost(
      said ** 2,
      truth ** 2 + given,
      slack,
      `what is reported of expert ${i}, squared, by its leakage`,
      'report',
    );
  });
}

const leakageOfSketches = law(
  'leakage: reported of a sketch it is never below the truth, nor its square above it by more than 1/(ℓ + 1)',
  fc.record({ cycle: givenCycles(6, 2), options: switches() }),
  async (subject, { cycle, options }, claims) => {
    const base = subject.method.sgd({ momentum: 0.5, weightDecay: 0.25 });
    const steps = await runCycle(subject, cycle, base, options, 0.125, key(5));
    steps.forEach((step, s) => {
      if (cyclePosition(s, options).phase === 'orthogonal')
        claimReported(step, recorded(cycle, options, s), options, precisionOf(subject), claims);
    });
  },
);

export const leakageLaws: readonly MethodLaw[] = [leakageOfSketches];
