import { withBiasRow, withoutBiasRow } from '../ops/orthogonal-update.ts';
import { type AdamWState, adamw } from '../optim/adamw.ts';
import type { LinearState } from '../optim/linear-state.ts';
import {
  cyclePosition,
  type ExpertLinearPaths,
  expertLinears,
  type OmoeOptimizer,
  type OmoeState,
  omoe,
} from '../optim/omoe.ts';
import type { LinearReport } from '../optim/omoe-report.ts';
import type { Parameters } from '../optim/optimizer.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { sources } from '../optim/projector/combine.ts';
import { rescale } from '../optim/protect.ts';
import { isAlone } from '../optim/protect-linear.ts';
import { pendingAll } from '../pending.ts';
import type { Tensor } from '../tensor.ts';

/**
 * OMoE as far as the device goes: a step holds there what a real one holds, but the factorisations, which take minutes at full
 * size and work on numbers that a rehearsal has not got, are left out. Of what they give only the shapes are made.
 *
 * @param tokens of a step
 */
export function rehearsedOmoe(options: OmoeOptions, tokens: number): OmoeOptimizer<AdamWState> {
  const real = omoe(adamw(), options);
  return {
    ...real,
    async step(given) {
      if (cyclePosition(given.state.step, options).phase === 'accumulate') return real.step(given);
      if (options.side === 'update') return updateSideStep(given, options);
      return real.step({ ...given, state: withProjectors(given, options, tokens) });
    },
  };
}

type Given = globalThis.Parameters<OmoeOptimizer<AdamWState>['step']>[0];

/** Accumulating steps of a phase that record something. */
export const recordsOf = ({ accumulateSteps, updateEvery }: OmoeOptions): number =>
  Math.ceil(accumulateSteps / updateEvery);

/** Of one expert linear, how much there is of what stands for its statistics and projectors. */
export interface ProjectorShape {
  /** Columns of an expert. */
  readonly columns: number;
  /** Of V in Q = I − VVᵀ; null where Q itself is held. */
  readonly rank: number | null;
  /** Columns of the other experts that the leakage is measured against. */
  readonly others: number;
}

/**
 * The most that there can be.
 * @param size of a column
 * @param tokens of a step: as many columns an expert may record
 */
export function projectorShape(size: number, experts: number, options: OmoeOptions, tokens: number): ProjectorShape {
  const recorded = recordsOf(options) * (options.statistic === 'tokens' ? tokens : 1);
  const columns = options.sketch > 0 ? Math.min(options.sketch, recorded) : recorded;
  const from = sources(0, experts, options.columns).length;
  const rank = options.combine === 'mean' ? from * Math.min(size, columns) : Math.min(size, from * columns);
  const isDense =
    2 * rank >= size || (options.form === 'recursion' && options.combine !== 'hard' && from * columns > 0);
  return { columns, rank: isDense ? null : rank, others: Math.min(size, (experts - 1) * columns) };
}

/** The state as an orthogonal phase has it: what the records are read through, and shapes in the place of projectors. */
function withProjectors({ parameters, state }: Given, options: OmoeOptions, tokens: number): OmoeState<AdamWState> {
  const linears = [...state.linears].map(([name, linear]): [string, LinearState] => {
    if (linear.projectors) return [name, linear];
    const weight = parameters.get(`${name}.weight`)!;
    const { engine: t, dtype } = weight;
    for (const { columns, owners } of linear.pending) {
      t.zeros(owners.shape, dtype);
      t.zeros([columns.size + owners.size], dtype);
    }
    const [experts, , output] = weight.shape;
    const size = linear.columns[0]?.rows ?? output;
    const { rank, others } = projectorShape(size, experts, options, tokens);
    const projectors = {
      q:
        rank === null
          ? { dense: t.zeros([experts, size, size], dtype) }
          : { factor: t.zeros([experts, size, rank], dtype) },
      trace: Array<number>(experts).fill(1),
      others: {
        columns: t.zeros([experts, size, others], dtype),
        squaredNorms: Array<number>(experts).fill(1),
        sketchErrors: Array<number>(experts).fill(0),
      },
    };
    return [name, { ...linear, pending: [], projectors }];
  });
  return { ...state, linears: new Map(linears) };
}

/** A step of the update side, which projects on the host: what goes there and what comes back. */
function updateSideStep({ parameters, gradients, state, learningRate }: Given, options: OmoeOptions) {
  const linears = expertLinears(parameters.keys()).filter(({ name }) => state.linears.has(name));
  const linearOf = (from: Parameters, { weight, bias }: ExpertLinearPaths) => ({
    weight: from.get(weight)!,
    bias: from.get(bias)!,
  });
  const alone = (linear: ExpertLinearPaths) => isAlone(parameters.get(linear.weight)!.shape[0], options);
  const protect = (from: Parameters): Parameters => {
    const target = new Map(from);
    for (const linear of linears.filter((one) => !alone(one))) {
      const delta = linearOf(from, linear);
      const sent = [delta, linearOf(parameters, linear)].map(withBiasRow);
      const { weight, bias } = rescale(delta, withoutBiasRow(sent[0].zerosLike()), options).delta;
      target.set(linear.weight, weight).set(linear.bias, bias);
    }
    return target;
  };
  const entering = options.project === 'gradient' ? protect(gradients) : gradients;
  const taken = adamw().step({ parameters, gradients: entering, state: state.base, learningRate });
  const updates = options.project === 'update' ? protect(taken.updates) : taken.updates;
  return Promise.resolve({
    updates,
    state: { base: taken.state, step: state.step + 1, linears: state.linears },
    phase: 'orthogonal' as const,
    /** The applied updates are read whole, through one tensor that holds them all. */
    get reports() {
      const applied: Tensor[] = linears.filter((one) => !alone(one)).map((one) => withBiasRow(linearOf(updates, one)));
      const all = applied.reduce((sum, { size }) => sum + size, 0);
      applied[0]?.engine.zeros([all], applied[0].dtype);
      return pendingAll<LinearReport>([]);
    },
  });
}
