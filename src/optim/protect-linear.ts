import type { Key } from '../random.ts';
import type { Tensor } from '../tensor.ts';
import type { LinearState } from './linear-state.ts';
import { type LinearReport, leakageOf } from './omoe-report.ts';
import type { OmoeOptions } from './options.ts';
import { type Protected, projectUpdate, rescale } from './protect.ts';
import { projectAgainstLearnt } from './update-side.ts';

/** A single expert has no others: its update stays the base optimizer's, bit for bit. */
export const isAlone = (experts: number, { columns }: OmoeOptions): boolean => experts === 1 && columns === 'others';

/** A protected update, and what to say of it once it is known what was applied. */
export interface Protection {
  readonly delta: Tensor;
  report(linear: string, applied: Tensor): Promise<LinearReport>;
}

/** Projection and renorm of one linear's updates (or gradients), all experts at once, or the control in their place. */
export async function protectLinear(
  delta: Tensor,
  matrix: Tensor,
  state: LinearState,
  options: OmoeOptions,
  rotation: Key,
): Promise<Protection> {
  const experts = delta.shape[0];
  if (isAlone(experts, options))
    return {
      delta,
      report: async (linear) => ({
        linear,
        trace: [1],
        normKept: [1],
        renormFactor: [1],
        leakage: [null],
        vanished: [false],
      }),
    };

  const { side } = options;
  if (side === 'update') {
    const update = await projectAgainstLearnt(delta, matrix, state.start!, options, rotation);
    const done = rescale(delta, update.projected, options);
    return {
      delta: done.delta,
      report: async (linear, applied) => ({
        linear,
        trace: update.trace,
        leakage: await update.leakage(applied),
        ...(await read(done)),
      }),
    };
  }
  const { q, trace, others } = state.projectors!;
  const done = rescale(delta, projectUpdate(q, delta, side, options.bias), options);
  return {
    delta: done.delta,
    report: async (linear, applied) => ({
      linear,
      trace,
      leakage: await leakageOf(applied, others, options),
      ...(await read(done)),
    }),
  };
}

async function read({
  normKept,
  factor,
  vanished,
}: Protected): Promise<{ normKept: number[]; renormFactor: number[]; vanished: boolean[] }> {
  const [kept, factors, gone] = await Promise.all([normKept.data(), factor.data(), vanished.data()]);
  return { normKept: [...kept], renormFactor: [...factors], vanished: [...gone].map(Boolean) };
}
