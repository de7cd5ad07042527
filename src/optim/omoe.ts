import { UsageError } from '../errors.ts';
import type { Recorded, Recording } from '../moe/statistics.ts';
import { type ExpertLinear, withBiasRow } from '../ops/orthogonal-update.ts';
import { type Pending, pendingAll, readTogether } from '../pending.ts';
import { foldIn, type Key, key as keyOf } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { accumulate, beginOrthogonalPhase, type LinearState, noColumns, pendingRecords } from './linear-state.ts';
import { validateOmoeOptions } from './methods.ts';
import type { LinearReport } from './omoe-report.ts';
import { type BaseOptimizer, gradientOf, type Parameters } from './optimizer.ts';
import type { OmoeOptions } from './options.ts';
import { isAlone, type Protection, protectLinear } from './protect-linear.ts';

/**
 * OMoE, the orthogonal expert optimizer (arXiv 2310.09762), around any base optimizer. Definition: spec/method/omoe.ts.
 *
 * Training alternates. *Accumulating*: the base optimizer trains everything; the statistics of every expert linear are
 * recorded. *Orthogonal*: router, attention, norms and embeddings go on with the base optimizer; an expert's [W; b] moves by
 * an update that is made orthogonal to what the other experts hold. Projectors are built once, when the phase begins.
 */

/** One stacked expert linear of one MoE layer: paths of its weight [expert, in, out] and bias [expert, out]. */
export interface ExpertLinearPaths {
  readonly name: string;
  readonly layer: 'fc1' | 'fc2';
  readonly weight: string;
  readonly bias: string;
}

/** The expert linears among parameter paths that end in `moe.fc1.weight` and the like. */
export function expertLinears(paths: Iterable<string>): ExpertLinearPaths[] {
  return [...paths].flatMap((path) => {
    const match = /^(.*\bmoe\.(fc[12]))\.weight$/.exec(path);
    return match ? [{ name: match[1], layer: match[2] as 'fc1' | 'fc2', weight: path, bias: `${match[1]}.bias` }] : [];
  });
}

export type Phase = 'accumulate' | 'orthogonal';

/** Step s lies at place s mod (accumulate + orthogonal) of its cycle; a cycle begins with its accumulating steps. */
export function cyclePosition(
  step: number,
  { accumulateSteps, orthogonalSteps }: OmoeOptions,
): { phase: Phase; index: number; cycle: number } {
  const length = accumulateSteps + orthogonalSteps;
  const position = step % length;
  const cycle = Math.floor(step / length);
  return position < accumulateSteps
    ? { phase: 'accumulate', index: position, cycle }
    : { phase: 'orthogonal', index: position - accumulateSteps, cycle };
}

export interface OmoeState<S> {
  readonly base: S;
  /** Steps taken. */
  readonly step: number;
  readonly linears: ReadonlyMap<string, LinearState>;
}

export interface OmoeStepResult<S> {
  readonly updates: Parameters;
  readonly state: OmoeState<S>;
  readonly phase: Phase;
  /**
   * One for each protected linear; none in accumulating steps. Fetch them with `readTogether`. Computed when asked for: to
   * measure the leakage takes about as long as to project.
   */
  readonly reports: Pending<readonly LinearReport[]>;
}

export interface OmoeOptimizer<S> {
  readonly options: OmoeOptions;
  initial(parameters: Parameters): OmoeState<S>;
  /** What the coming forward pass has to record; null for nothing. */
  recording(state: OmoeState<S>): Recording | null;
  step(given: {
    readonly parameters: Parameters;
    readonly gradients: Parameters;
    readonly state: OmoeState<S>;
    readonly learningRate: number;
    /** By name of the expert linear, when `recording` asked for it. */
    readonly records?: ReadonlyMap<string, Recorded>;
  }): Promise<OmoeStepResult<S>>;
}

/**
 * @param key for the control `rotated`; the same key gives the same rotations
 * @throws UsageError for an option outside its range
 */
export function omoe<S>(
  base: BaseOptimizer<S>,
  partial: Partial<OmoeOptions> = {},
  key: Key = keyOf(0),
): OmoeOptimizer<S> {
  const options = validateOmoeOptions(partial);
  const layers: readonly ('fc1' | 'fc2')[] = options.layers === 'both' ? ['fc1', 'fc2'] : [options.layers];
  const isProtected = (linear: ExpertLinearPaths) => layers.includes(linear.layer);

  return {
    options,
    initial(parameters) {
      const linears = expertLinears(parameters.keys()).filter(isProtected);
      if (expertLinears(parameters.keys()).length === 0 && options.orthogonalSteps > 0)
        throw new UsageError({
          operation: 'omoe',
          received: `${parameters.size} parameters, none of them an expert linear`,
          expected: 'paths that end in moe.fc1.weight or moe.fc2.weight',
          advice: 'Upcycle the model first, or use the base optimizer alone.',
        });
      const fresh = ({ weight, bias }: ExpertLinearPaths): LinearState => ({
        start: options.side === 'update' ? withBiasRow(linearOf(parameters, weight, bias)) : null,
        pending: [],
        columns: noColumns(parameters.get(weight)!, options),
        projectors: null,
      });
      return {
        base: base.initial(parameters),
        step: 0,
        linears: new Map(linears.map((linear) => [linear.name, fresh(linear)])),
      };
    },

    recording: ({ step }) => recordingAt(step, options, layers),

    async step({ parameters, gradients, state, learningRate, records }) {
      const position = cyclePosition(state.step, options);
      const linears = expertLinears(parameters.keys()).filter(isProtected);
      if (position.phase === 'accumulate' || options.orthogonalSteps === 0) {
        const wanted = recordingAt(state.step, options, layers) ? linears : [];
        const missing = wanted.find(({ name }) => !records?.get(name));
        if (missing)
          throw new UsageError({
            operation: `omoe step ${state.step}`,
            received: `no record of ${missing.name}`,
            expected: 'what `recording` asked for',
            advice: 'Pass the statistics of the forward pass (recordStatistics) by name of the expert linear.',
          });
        const { updates, state: next } = base.step({ parameters, gradients, state: state.base, learningRate });
        const noted = linears.map(({ name, weight }) => {
          const old = state.linears.get(name)!;
          return [name, accumulate(old, records?.get(name), parameters.get(weight)!, position.index, options)] as const;
        });
        const nextState = { base: next, step: state.step + 1, linears: new Map(noted) };
        return { updates, state: nextState, phase: 'accumulate', reports: pendingAll<LinearReport>([]) };
      }

      const ready = new Map(linears.map(({ name }) => [name, state.linears.get(name)!]));
      const beginning = linears.filter(({ name }) => options.side !== 'update' && !ready.get(name)!.projectors);
      const [recorded] = await readTogether(pendingAll(beginning.map(({ name }) => pendingRecords(ready.get(name)!))));
      beginning.forEach(({ name, weight }, i) => {
        const rotation = foldIn(foldIn(key, name), position.cycle);
        const begun = beginOrthogonalPhase(ready.get(name)!, recorded[i], parameters.get(weight)!, options, rotation);
        ready.set(name, begun);
      });

      const protect = async (from: Parameters, target: Map<string, Tensor>) => {
        const done = new Map<string, Protection>();
        for (const linear of linears) {
          const delta = linearOf(from, linear.weight, linear.bias);
          const rotation = foldIn(foldIn(key, linear.name), position.cycle);
          const current = linearOf(parameters, linear.weight, linear.bias);
          const protection = await protectLinear(delta, current, ready.get(linear.name)!, options, rotation);
          const { weight, bias } = protection.delta;
          target.set(linear.weight, weight).set(linear.bias, bias);
          done.set(linear.name, protection);
        }
        return done;
      };

      let entering = gradients;
      let protections = new Map<string, Protection>();
      if (options.project === 'gradient') {
        // OWM's literal form: momentum, adaptive scaling and decay come after the projection and can undo it.
        const projected = new Map(gradients);
        for (const { weight, bias } of linears)
          for (const path of [weight, bias]) gradientOf('omoe', gradients, path, parameters.get(path)!);
        protections = await protect(gradients, projected);
        entering = projected;
      }
      const taken = base.step({ parameters, gradients: entering, state: state.base, learningRate });
      const updates = new Map(taken.updates);
      // The final update, decay and adaptive scaling included: nothing comes after it that could leave the subspace.
      if (options.project === 'update') protections = await protect(taken.updates, updates);
      else if (options.side === 'input' && options.bias === 'freeze')
        for (const { bias } of linears) {
          const update = updates.get(bias)!;
          if (!isAlone(update.shape[0], options)) updates.set(bias, update.zerosLike());
        }

      return {
        updates,
        state: { base: taken.state, step: state.step + 1, linears: ready },
        phase: 'orthogonal',
        get reports() {
          return pendingAll(
            linears.map(({ name, weight, bias }) =>
              protections.get(name)!.report(name, linearOf(updates, weight, bias)),
            ),
          );
        },
      };
    },
  };
}

function recordingAt(step: number, options: OmoeOptions, layers: Recording['layers']): Recording | null {
  if (options.side === 'update' || options.orthogonalSteps === 0) return null;
  const { phase, index } = cyclePosition(step, options);
  if (phase === 'orthogonal' || index % options.updateEvery !== 0) return null;
  return { side: options.side, statistic: options.statistic, layers };
}

const linearOf = (parameters: Parameters, weight: string, bias: string): ExpertLinear => {
  const [w, b] = [parameters.get(weight), parameters.get(bias)];
  if (!w || !b)
    throw new UsageError({
      operation: 'omoe',
      received: `no ${w ? bias : weight}`,
      expected: 'weight and bias of each expert linear',
    });
  return { weight: w, bias: b };
};
