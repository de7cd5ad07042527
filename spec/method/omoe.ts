/**
 * OMoE, the orthogonal expert optimizer (Liu et al., arXiv 2310.09762): the whole cycle in one place.
 *
 * Training alternates. In the *accumulating* phase the base optimizer trains everything, and every expert's statistics are
 * recorded. In the *orthogonal* phase the base optimizer goes on with the router, attention, norms and embeddings, but an
 * expert's matrices move by an update that is made orthogonal to what the other experts hold.
 *
 * What is written here is one *expert linear*: fc1, or fc2, of one MoE layer, with its E matrices M_i = [W_i; b_i]. All
 * expert linears are treated alike and apart. Every other parameter takes the base optimizer's update in both phases.
 */
import { fromFunction, precondition, type Real } from '../array.ts';
import { combinedProjector, rotated, sources } from './combine.ts';
import { flattened, identity, plus, product } from './linear-algebra.ts';
import { type ProjectionReport, report, travelled } from './omoe-report.ts';
import type { OmoeOptions } from './options.ts';
import {
  normMatched,
  projectInputSide,
  projectOutputSide,
  projectUpdateSide,
  type Renormed,
  renorm,
  statisticSize,
} from './project-update.ts';
import type { BaseOptimizer } from './sgd.ts';
import { addToSketch, emptySketch, type Sketch } from './sketch.ts';
import { stepColumns } from './statistics.ts';

export type Phase = 'accumulate' | 'orthogonal';

export interface CyclePosition {
  readonly phase: Phase;
  /** 0 in the first step of the phase. */
  readonly index: number;
}

/** Step s = 0, 1, … lies in cycle ⌊s / (accumulate + orthogonal)⌋; each cycle begins with its accumulating steps. */
export function cyclePosition(step: number, options: OmoeOptions): CyclePosition {
  const { accumulateSteps, orthogonalSteps } = options;
  precondition(accumulateSteps + orthogonalSteps > 0, 'a cycle has at least one step');
  const position = step % (accumulateSteps + orthogonalSteps);
  return position < accumulateSteps
    ? { phase: 'accumulate', index: position }
    : { phase: 'orthogonal', index: position - accumulateSteps };
}

/** Whether the switch `layers` protects this linear. */
export const isProtected = (layers: OmoeOptions['layers'], linear: 'fc1' | 'fc2'): boolean =>
  layers === 'both' || layers === linear;

/** One expert linear of one MoE layer, and all that the optimizer remembers of it. Lists are over experts. */
export interface ExpertLinear<State> {
  /** M_i = [W_i; b_i], [in + 1, out] */
  readonly matrices: readonly Real[];
  /** M_i,base: the weights after upcycling. Kept through resets. */
  readonly base: readonly Real[];
  /** A_i, as a sketch */
  readonly statistics: readonly Sketch[];
  /** Q_i of the running orthogonal phase; null in the accumulating one, and on the update side. */
  readonly projectors: readonly Real[] | null;
  /** The base optimizer's own state. */
  readonly optimizer: readonly State[];
}

/** The state right after upcycling. */
export function startExpertLinear<State>(
  matrices: readonly Real[],
  optimizer: BaseOptimizer<State>,
  options: OmoeOptions,
): ExpertLinear<State> {
  precondition(matrices.length > 0, 'there is at least one expert');
  return {
    matrices,
    base: matrices,
    statistics: nothingSeen(matrices, options),
    projectors: null,
    optimizer: matrices.map((m) => optimizer.initial(m.shape)),
  };
}

const nothingSeen = (matrices: readonly Real[], options: OmoeOptions): Sketch[] =>
  matrices.map((m) => emptySketch(statisticSize(options.side, options.bias, m)));

/** One step of training, as the optimizer sees it. Lists are over experts. */
export interface ExpertStep {
  /** s = 0, 1, … */
  readonly step: number;
  readonly learningRate: number;
  /** ∂loss/∂M_i, [in + 1, out]; zero for an expert without tokens */
  readonly gradients: readonly Real[];
  /** [token, in]: what the linear of expert i read. For fc2 these are its own hidden activations. */
  readonly inputs: readonly Real[];
  /** [token, out]: what it wrote, xW + b */
  readonly outputs: readonly Real[];
  /** For the control `rotated`: a random rotation of this size, the same all through a phase. */
  readonly rotation?: (size: number, expert: number) => Real;
}

export interface ExpertStepResult<State> {
  readonly linear: ExpertLinear<State>;
  /** What was added to each matrix. */
  readonly updates: readonly Real[];
  /** Null in accumulating steps. */
  readonly reports: readonly ProjectionReport[] | null;
}

/** One step for one protected expert linear. */
export function omoeStep<State>(
  linear: ExpertLinear<State>,
  optimizer: BaseOptimizer<State>,
  options: OmoeOptions,
  given: ExpertStep,
): ExpertStepResult<State> {
  const position = cyclePosition(given.step, options);
  if (position.phase === 'accumulate') {
    const statistics = accumulateStep(linear, options, given, position.index);
    const { states, updates } = baseStep(linear, optimizer, given.gradients, given.learningRate);
    const matrices = linear.matrices.map((m, i) => plus(m, updates[i]));
    return { linear: { ...linear, matrices, statistics, projectors: null, optimizer: states }, updates, reports: null };
  }
  // Q_i is made when the phase begins, and stays.
  const projectors = linear.projectors ?? (options.side === 'update' ? null : buildProjectors(linear, options, given));
  const ready = { ...linear, projectors };
  const projected: Renormed[] = [];
  let gradients = given.gradients;
  if (options.project === 'gradient') {
    // OWM's literal form: the base optimizer sees a projected gradient. Momentum, adaptive scaling and decay come after it.
    gradients.forEach((g, i) => {
      projected.push(protect(g, i, ready, options, given));
    });
    gradients = projected.map(({ delta }) => delta);
  }
  const { states, updates: wanted } = baseStep(linear, optimizer, gradients, given.learningRate);
  let updates = wanted;
  if (options.project === 'update') {
    // The final update, decay and adaptive scaling included: nothing comes after it that could leave the subspace.
    wanted.forEach((delta, i) => {
      projected.push(protect(delta, i, ready, options, given));
    });
    updates = projected.map(({ delta }) => delta);
  } else if (options.side === 'input' && options.bias === 'freeze') {
    // E = 1 has no others, and its bias nobody to protect.
    updates = wanted.map((delta, i) =>
      sources(i, wanted.length, options.columns).length === 0 ? delta : withoutBiasUpdate(delta),
    );
  }
  const reports = updates.map((update, i) => report(update, projected[i], i, ready, options));
  const matrices = linear.matrices.map((m, i) => plus(m, updates[i]));
  return { linear: { ...ready, matrices, optimizer: states }, updates, reports };
}

/** The base optimizer, expert by expert. */
function baseStep<State>(
  linear: ExpertLinear<State>,
  optimizer: BaseOptimizer<State>,
  gradients: readonly Real[],
  learningRate: number,
): { states: State[]; updates: Real[] } {
  const steps = linear.matrices.map((m, i) => optimizer.step(linear.optimizer[i], m, gradients[i], learningRate));
  return { states: steps.map(({ state }) => state), updates: steps.map(({ update }) => update) };
}

/**
 * Accumulating: forget everything when the phase begins (`resetEachCycle`), then record what passed through each expert in
 * its steps 0, n, 2n, …, n = `updateEvery`. The update side needs no statistics.
 */
export function accumulateStep(
  linear: Pick<ExpertLinear<unknown>, 'matrices' | 'statistics'>,
  options: OmoeOptions,
  given: ExpertStep,
  index: number,
): readonly Sketch[] {
  if (options.side === 'update') return linear.statistics;
  const before = index === 0 && options.resetEachCycle ? nothingSeen(linear.matrices, options) : linear.statistics;
  if (index % options.updateEvery !== 0) return before;
  const seen = options.side === 'input' ? given.inputs : given.outputs;
  const augmented = options.side === 'input' && options.bias === 'augment';
  return before.map((sketch, i) =>
    addToSketch(sketch, stepColumns(seen[i], options.statistic, augmented), options.sketch, options.forgetting),
  );
}

/** Q_i of every expert, from the statistics that the accumulating phase left. */
function buildProjectors<State>(linear: ExpertLinear<State>, options: OmoeOptions, given: ExpertStep): Real[] {
  return linear.matrices.map((m, i) => {
    const size = statisticSize(options.side, options.bias, m);
    const q = combinedProjector(linear.statistics, i, size, options);
    return options.control === 'rotated' ? rotated(q, rotationOf(given, size, i)) : q;
  });
}

function rotationOf(given: ExpertStep, size: number, expert: number): Real {
  precondition(given.rotation !== undefined, 'the control `rotated` needs a rotation');
  return given.rotation(size, expert);
}

/** Projection and renorm of one expert's update (or gradient), or the control in their place. */
function protect<State>(
  delta: Real,
  i: number,
  linear: ExpertLinear<State>,
  options: OmoeOptions,
  given: ExpertStep,
): Renormed {
  const projected = projectOnce(delta, i, linear, options, given);
  const wholeMatrix = options.side !== 'input' || options.bias === 'augment';
  if (options.control === 'norm-matched') {
    const kept = renorm(delta, projected, false, options.renormLimit, wholeMatrix);
    return { ...kept, delta: normMatched(delta, kept.normKept) };
  }
  return renorm(delta, projected, options.renorm, options.renormLimit, wholeMatrix);
}

function projectOnce<State>(
  delta: Real,
  i: number,
  linear: ExpertLinear<State>,
  options: OmoeOptions,
  given: ExpertStep,
): Real {
  const from = sources(i, linear.matrices.length, options.columns);
  // E = 1 has no others: the base update, bit for bit.
  if (from.length === 0) return delta;
  if (options.side === 'update') {
    const moves = travelled(linear, from);
    if (options.control !== 'rotated') return projectUpdateSide(delta, moves);
    const turn = rotationOf(given, flattened(delta).shape[0], i);
    return projectUpdateSide(
      delta,
      moves.map((move) => fromFlat(product(turn, flattened(move)), delta.shape)),
    );
  }
  const q = linear.projectors?.[i] ?? identity(statisticSize(options.side, options.bias, delta));
  return options.side === 'input' ? projectInputSide(delta, q, options.bias) : projectOutputSide(delta, q);
}

const fromFlat = (column: Real, [rows, columns]: readonly number[]): Real =>
  fromFunction([rows, columns], ([r, c]) => column.get(r * columns + c, 0));

/** Δ with its last row, that of the bias, set to 0. */
const withoutBiasUpdate = (delta: Real): Real =>
  fromFunction(delta.shape, ([r, c]) => (r < delta.shape[0] - 1 ? delta.get(r, c) : 0));
