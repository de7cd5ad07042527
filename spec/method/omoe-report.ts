/**
 * What an orthogonal step tells of itself, so that nobody has to believe that the projection did its work.
 */
import { fromFunction, type Real } from '../array.ts';
import { sources } from './combine.ts';
import { cols, flattened, minus } from './linear-algebra.ts';
import { leakage, leakageBound, traceShare } from './measures/optimizer.ts';
import type { ExpertLinear } from './omoe.ts';
import type { OmoeOptions } from './options.ts';
import { type Renormed, statisticSize, updateBasis } from './project-update.ts';
import { stacked } from './projector.ts';
import type { Sketch } from './sketch.ts';

/** What an orthogonal step reports of each expert. */
export interface ProjectionReport {
  /** trace(Q) / d */
  readonly trace: number;
  /** ‖Δ_projected‖ / ‖Δ‖ before renorm */
  readonly normKept: number;
  /** c of the renorm */
  readonly renormFactor: number;
  /**
   * The share of the applied update that acts on the other experts' columns, in the controls too; where they were sketched,
   * the most that it can be. Null without any.
   */
  readonly leakage: number | null;
  /** trace fell below `plasticityWarning`. */
  readonly plasticityLow: boolean;
  /** ‖Δ_projected‖ ≤ 1e-6 ‖Δ‖: no renorm. */
  readonly vanished: boolean;
}

/** M_j − M_j,base of the sources, before the step. */
export const travelled = <State>(linear: ExpertLinear<State>, from: readonly number[]): Real[] =>
  from.map((j) => minus(linear.matrices[j], linear.base[j]));

/** The report of one expert: `update` is what was applied, `done` what projection and renorm say. */
export function report<State>(
  update: Real,
  done: Renormed,
  i: number,
  linear: ExpertLinear<State>,
  options: OmoeOptions,
): ProjectionReport {
  const from = sources(i, linear.matrices.length, options.columns);
  const trace = options.side === 'update' ? updateSideTrace(linear, from, update) : traceShare(linear.projectors![i]);
  return {
    trace,
    normKept: done.normKept,
    renormFactor: done.factor,
    leakage: leaked(update, i, linear, options),
    plasticityLow: trace < options.plasticityWarning,
    vanished: done.vanished,
  };
}

/** I − UUᵀ has trace d − rank. */
function updateSideTrace<State>(linear: ExpertLinear<State>, from: readonly number[], update: Real): number {
  const size = flattened(update).shape[0];
  return 1 - cols(updateBasis(travelled(linear, from), size)) / size;
}

/**
 * Leakage of the applied update against the other experts, or its bound where they hold sketches. On the update side, whose
 * "columns" are the directions that the others travelled, it is ‖Tᵀ vec(Δ)‖ / (‖T‖ ‖Δ‖) with T = [vec(M_j − M_j,base)], j ≠ i.
 */
function leaked<State>(update: Real, i: number, linear: ExpertLinear<State>, options: OmoeOptions): number | null {
  const others = sources(i, linear.matrices.length, 'others');
  if (options.side === 'update') {
    const flat = flattened(update);
    return leakage(stacked(travelled(linear, others).map(flattened), flat.shape[0]), flat, 'input');
  }
  const size = statisticSize(options.side, options.bias, update);
  const held = together(
    others.map((j) => linear.statistics[j]),
    size,
  );
  // Input side without `augment`: the columns know nothing of the bias row.
  const height = options.side === 'input' ? size : update.shape[0];
  const part = fromFunction([height, update.shape[1]], ([r, c]) => update.get(r, c));
  return leakageBound(held, part, options.side);
}

/** The sketches side by side: with B = [B_1, B_2, …], 0 ≼ Σ_j A_jA_jᵀ − BBᵀ ≼ (Σ_j δ_j) I. */
const together = (parts: readonly Sketch[], size: number): Sketch => ({
  columns: stacked(
    parts.map((part) => part.columns),
    size,
  ),
  delta: parts.reduce((sum, part) => sum + part.delta, 0),
  squaredNorm: parts.reduce((sum, part) => sum + part.squaredNorm, 0),
});
