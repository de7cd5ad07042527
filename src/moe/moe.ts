import { requireOptions, requireSpec, requireTensor } from '../arguments.ts';
import { requireFloat, requireRank } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { requireActivation } from './arguments.ts';
import { combineRows, type Dispatch, dispatchTokens, planDispatch } from './dispatch.ts';
import { type Activation, type ExpertFlow, type Experts, runExperts } from './experts.ts';
import { type Gate, type GateOptions, topKGate } from './gate.ts';

/** The parameters of a Mixture-of-Experts layer. */
export interface MoEParameters extends Experts {
  readonly router: {
    /** W_r, [width, expert] */
    readonly weight: Tensor;
  };
}

export interface MoEOptions extends GateOptions {
  readonly activation?: Activation;
  /** null (default): dropless. Otherwise overflowing slots add nothing, and the token passes on through the residual. */
  readonly capacityFactor?: number | null;
}

export interface MoEResult {
  /** y, [token, width]; 0 for padding. */
  readonly output: Tensor;
  readonly gate: Gate;
  readonly plan: Dispatch;
  readonly flow: ExpertFlow;
}

/**
 * The Mixture-of-Experts layer: y = Σ_{i chosen} g_i · FFN_i(x). Definition: spec/method/moe-layer.ts.
 * @param x [token, width]
 * @throws ShapeError, DTypeError for parameters that do not belong to x and to each other; UsageError for a bad option
 */
export function moe(x: Tensor, parameters: MoEParameters, options: MoEOptions): MoEResult {
  requireOptions('moe', options, '{ k: 2 }');
  const { activation = 'gelu', capacityFactor } = options;
  requireActivation('moe', activation);
  requireParameters(x, parameters);
  const weight = parameters.router.weight;
  const gate = topKGate(x.matmul(weight), options); // [token, width] · [width, expert] -> [token, expert]
  const plan = planDispatch(gate, weight.shape[1], capacityFactor);
  const flow = runExperts(dispatchTokens(x, plan), parameters, plan, activation);
  return { output: combineRows(flow.fc2.output, plan), gate, plan, flow };
}

/** x gives the width and the dtype, the router the number of experts, the weights their last sizes; all else must agree. */
function requireParameters(x: Tensor, parameters: MoEParameters): void {
  requireTensor('moe', 'x', x);
  requireRank('moe', 'x', x, 2);
  requireFloat('moe', x);
  const { router, fc1, fc2 } = parameters ?? {};
  const width = x.shape[1];
  // −1 fits nothing: a weight that is missing or of another rank is refused below.
  const last = (weight: Tensor | undefined): number => weight?.shape?.at(-1) ?? -1;
  const [experts, hidden, out] = [last(router?.weight), last(fc1?.weight), last(fc2?.weight)];
  const table: readonly [string, unknown, readonly number[], string][] = [
    ['router.weight', router?.weight, [width, experts], '[width, expert]'],
    ['fc1.weight', fc1?.weight, [experts, width, hidden], '[expert, width, hidden]'],
    ['fc1.bias', fc1?.bias, [experts, hidden], '[expert, hidden]'],
    ['fc2.weight', fc2?.weight, [experts, hidden, out], '[expert, hidden, out]'],
    ['fc2.bias', fc2?.bias, [experts, out], '[expert, out]'],
  ];
  for (const [name, tensor, shape, legend] of table) requireSpec('moe', name, tensor, x.dtype, shape, legend);
}
