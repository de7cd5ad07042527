/**
 * The learning rate over a run: a linear warm-up, then a decay.
 */
import { precondition } from '../array.ts';

export interface Schedule {
  /** The learning rate η at the end of the warm-up. */
  readonly peak: number;
  /** Warm-up steps; 0 starts at the peak. */
  readonly warmup: number;
  /** Steps of the run. */
  readonly total: number;
  readonly decay: 'cosine' | 'linear' | 'constant';
  /** The learning rate that the decay ends at. Default 0. */
  readonly floor?: number;
}

/**
 * For step s = 0, 1, …:
 *   s < warmup:  η · (s + 1) / warmup                            (the first step is not lost, the peak is reached)
 *   then, with progress π = (s − warmup) / (total − warmup), held at 1 from s = total on:
 *     linear:    floor + (η − floor)(1 − π)
 *     cosine:    floor + (η − floor)(1 + cos(π·180°)) / 2
 */
export function learningRate(step: number, { peak, warmup, total, decay, floor = 0 }: Schedule): number {
  precondition(Number.isInteger(step) && step >= 0, `steps are counted from 0, not ${step}`);
  precondition(warmup >= 0 && total >= warmup, `a warm-up of ${warmup} steps does not fit into ${total}`);
  if (step < warmup) return (peak * (step + 1)) / warmup;
  if (decay === 'constant') return peak;
  const progress = total === warmup ? 1 : Math.min(1, (step - warmup) / (total - warmup));
  const share = decay === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return floor + (peak - floor) * share;
}
