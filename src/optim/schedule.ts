import { UsageError } from '../errors.ts';

export interface Schedule {
  /** η at the end of the warm-up. */
  readonly peak: number;
  /** Warm-up steps; 0 starts at the peak. */
  readonly warmup: number;
  /** Steps of the run. */
  readonly total: number;
  readonly decay: 'cosine' | 'linear' | 'constant';
  /** The rate the decay ends at. Default 0. */
  readonly floor?: number;
}

/**
 * The learning rate of step s = 0, 1, …: η (s + 1)/warmup during the warm-up; then with progress π = (s − warmup)/(total − warmup)
 * linear floor + (η − floor)(1 − π), cosine floor + (η − floor)(1 + cos 180°π)/2. Definition: spec/method/schedule.ts.
 * @throws UsageError for a negative step or a warm-up longer than the run
 */
export function learningRate(step: number, { peak, warmup, total, decay, floor = 0 }: Schedule): number {
  if (!Number.isInteger(step) || step < 0 || !(warmup >= 0) || !(total >= warmup))
    throw new UsageError({
      operation: 'learningRate',
      received: `step ${step}, warmup ${warmup}, total ${total}`,
      expected: 'a step from 0 on and a warm-up that fits into the run',
    });
  if (step < warmup) return (peak * (step + 1)) / warmup;
  if (decay === 'constant') return peak;
  const progress = total === warmup ? 1 : Math.min(1, (step - warmup) / (total - warmup));
  const share = decay === 'linear' ? 1 - progress : (1 + Math.cos(Math.PI * progress)) / 2;
  return floor + (peak - floor) * share;
}
