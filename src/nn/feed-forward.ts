import type { Engine } from '../engine.ts';
import { requireActivation } from '../moe/arguments.ts';
import type { Activation } from '../moe/experts.ts';
import { foldIn, type Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import { initLinear, type LinearParameters, linear } from './linear.ts';

export interface FeedForwardParameters {
  readonly fc1: LinearParameters;
  readonly fc2: LinearParameters;
}

// FFN(x) = act(x W1 + b1) W2 + b2:  […, width] -> […, hidden] -> […, width]
export function feedForward(x: Tensor, { fc1, fc2 }: FeedForwardParameters, activation: Activation = 'gelu'): Tensor {
  requireActivation('feedForward', activation);
  return linear(linear(x, fc1, activation), fc2);
}

export const initFeedForward = (t: Engine, key: Key, width: number, hidden: number): FeedForwardParameters => ({
  fc1: initLinear(t, foldIn(key, 'fc1'), width, hidden),
  fc2: initLinear(t, foldIn(key, 'fc2'), hidden, width),
});
