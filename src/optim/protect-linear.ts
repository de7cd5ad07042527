import { type ExpertLinear, withBiasRow, withoutBiasRow } from '../ops/orthogonal-update.ts';
import type { Pending } from '../pending.ts';
import type { Key } from '../random.ts';
import type { LinearState } from './linear-state.ts';
import { type LinearReport, leakageOf } from './omoe-report.ts';
import type { OmoeOptions } from './options.ts';
import { type Protected, protectedUpdate, rescale } from './protect.ts';
import { projectAgainstLearnt } from './update-side.ts';

/** A single expert has no others: its update stays the base optimizer's, bit for bit. */
export const isAlone = (experts: number, { columns }: OmoeOptions): boolean => experts === 1 && columns === 'others';

/** A protected update, and what to say of it once it is known what was applied. */
export interface Protection {
  readonly delta: ExpertLinear;
  report(linear: string, applied: ExpertLinear): Pending<LinearReport>;
}

/**
 * Projection and renorm of one linear's updates (or gradients), all experts at once, or the control in their place.
 * @param current the parameters themselves, which only the update side asks for
 */
export async function protectLinear(
  delta: ExpertLinear,
  current: ExpertLinear,
  state: LinearState,
  options: OmoeOptions,
  rotation: Key,
): Promise<Protection> {
  const experts = delta.weight.shape[0];
  if (isAlone(experts, options))
    return {
      delta,
      report: (linear) => ({
        tensors: [],
        of: () => ({ linear, trace: [1], normKept: [1], renormFactor: [1], leakage: [null], vanished: [false] }),
      }),
    };

  const { side } = options;
  if (side === 'update') {
    const matrices = [withBiasRow(delta), withBiasRow(current)] as const;
    const update = await projectAgainstLearnt(...matrices, state.start!, options, rotation);
    const done = rescale(delta, withoutBiasRow(update.projected), options);
    return {
      delta: done.delta,
      report: (linear, applied) => reportOf(linear, update.trace, update.leakage(withBiasRow(applied)), done),
    };
  }
  const { q, trace, others } = state.projectors!;
  const done = protectedUpdate(q, delta, options);
  return {
    delta: done.delta,
    report: (linear, applied) => reportOf(linear, trace, leakageOf(applied, others, options), done),
  };
}

const reportOf = (
  linear: string,
  trace: readonly number[],
  leakage: Pending<(number | null)[]>,
  { normKept, factor, vanished }: Protected,
): Pending<LinearReport> => ({
  tensors: [normKept, factor, vanished, ...leakage.tensors],
  of: ([kept, factors, gone, ...leaked]) => ({
    linear,
    trace,
    normKept: [...kept],
    renormFactor: [...factors],
    vanished: [...gone].map(Boolean),
    leakage: leakage.of(leaked),
  }),
});
