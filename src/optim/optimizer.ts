import { ShapeError, UsageError } from '../errors.ts';
import { formatSpec } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { leaves } from '../tree.ts';

/** Parameters, gradients and updates by path, e.g. `blocks.0.moe.fc1.weight`; `parametersOf(tree)` makes one of a tree. */
export type Parameters = ReadonlyMap<string, Tensor>;

export const parametersOf = (tree: unknown): Parameters =>
  new Map(leaves(tree).map(({ path, tensor }) => [path, tensor]));

/** Turns gradients into updates: parameter ← parameter + update. State is never changed in place. */
export interface BaseOptimizer<State> {
  readonly name: string;
  initial(parameters: Parameters): State;
  step(given: {
    readonly parameters: Parameters;
    readonly gradients: Parameters;
    readonly state: State;
    readonly learningRate: number;
  }): { readonly updates: Parameters; readonly state: State };
}

/** @throws ShapeError where a parameter has no gradient or one of another spec */
export function gradientOf(operation: string, gradients: Parameters, path: string, parameter: Tensor): Tensor {
  const gradient = gradients.get(path);
  if (!gradient || formatSpec(gradient) !== formatSpec(parameter))
    throw new ShapeError({
      operation,
      received: `gradient ${gradient ? formatSpec(gradient) : 'missing'} for ${path}`,
      expected: formatSpec(parameter),
    });
  return gradient;
}

/** @throws UsageError for a rate that is negative, infinite or NaN */
export function checkLearningRate(operation: string, learningRate: number): void {
  if (!(learningRate >= 0 && learningRate < Number.POSITIVE_INFINITY))
    throw new UsageError({ operation, received: `learningRate ${learningRate}`, expected: 'a finite number ≥ 0' });
}

export const applyUpdates = (parameters: Parameters, updates: Parameters): Parameters =>
  new Map([...parameters].map(([path, parameter]) => [path, parameter.add(updates.get(path) ?? 0)]));
