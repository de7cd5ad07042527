import { type AdamWState, adamw } from '../optim/adamw.ts';
import type { LinearState } from '../optim/linear-state.ts';
import { cyclePosition, type OmoeOptimizer, type OmoeState, omoe } from '../optim/omoe.ts';
import type { OmoeOptions } from '../optim/options.ts';
import { sources } from '../optim/projector/combine.ts';
import { isTurned } from '../optim/protect.ts';

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
      // The update side factorises only E × E numbers, and nothing where no expert has moved, as in a rehearsal.
      if (options.side === 'update' || cyclePosition(given.state.step, options).phase === 'accumulate')
        return real.step(given);
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
          : { factor: t.zeros([experts, size, rank], dtype), orthogonal: isTurned(rank, options) },
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
