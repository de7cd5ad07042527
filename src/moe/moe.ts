import { ShapeError } from '../errors.ts';
import { formatSpec } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
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
 */
export function moe(x: Tensor, parameters: MoEParameters, options: MoEOptions): MoEResult {
  const { router, fc1 } = parameters;
  if (x.rank !== 2 || x.shape[1] !== router.weight.shape[0] || fc1.weight.shape[0] !== router.weight.shape[1])
    throw new ShapeError({
      operation: 'moe',
      received: `x ${formatSpec(x)}, router ${formatSpec(router.weight)}, fc1 ${formatSpec(fc1.weight)}`,
      expected: 'x [token, width], router [width, expert], fc1 [expert, width, hidden]',
    });
  const gate = topKGate(x.matmul(router.weight), options); // [token, width] · [width, expert] -> [token, expert]
  const plan = planDispatch(gate, router.weight.shape[1], options.capacityFactor);
  const flow = runExperts(dispatchTokens(x, plan), parameters, plan, options.activation ?? 'gelu');
  return { output: combineRows(flow.fc2.output, plan), gate, plan, flow };
}
