import type { Engine } from '../engine.ts';
import { ShapeError, UsageError } from '../errors.ts';
import type { Op } from '../op.ts';
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

/**
 * Runs a step of all parameters as one operation: `operands` are those of each by path, as the results are.
 * One for each dtype, that is, and for each region: results belong to the youngest region among the inputs, and one parameter
 * shall not draw the results of another into its own.
 */
export function stepTogether<Attrs>(
  op: Op<Attrs>,
  operands: ReadonlyMap<string, readonly Tensor[]>,
  attrsOf: (paths: readonly string[]) => Attrs,
): Map<string, readonly Tensor[]> {
  const groups: { readonly home: Engine; readonly dtype: string; readonly paths: string[] }[] = [];
  for (const [path, tensors] of operands) {
    const home = tensors.map(({ engine }) => engine).reduce((a, b) => (b.age > a.age ? b : a));
    const [{ dtype }] = tensors;
    const group = groups.find((other) => other.home === home && other.dtype === dtype);
    if (group) group.paths.push(path);
    else groups.push({ home, dtype, paths: [path] });
  }
  const results = new Map<string, readonly Tensor[]>();
  for (const { home, paths } of groups) {
    const inputs = paths.flatMap((path) => operands.get(path)!);
    const outputs = home.run(op, inputs, attrsOf(paths));
    const each = outputs.length / paths.length;
    paths.forEach((path, i) => {
      results.set(path, outputs.slice(each * i, each * (i + 1)));
    });
  }
  return results;
}

/** The results of one kind, by path and in the order of the parameters. */
export const resultsAt = (
  results: ReadonlyMap<string, readonly Tensor[]>,
  parameters: Parameters,
  index: number,
): Parameters => new Map([...parameters.keys()].map((path) => [path, results.get(path)![index]]));

export const applyUpdates = (parameters: Parameters, updates: Parameters): Parameters =>
  new Map([...parameters].map(([path, parameter]) => [path, parameter.add(updates.get(path) ?? 0)]));
