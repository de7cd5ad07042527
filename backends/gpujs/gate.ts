import { integerFunction } from './addressing.ts';
import { type GpuComposite, tooLong } from './kernel.ts';
import { freeCopy, type LaneKernel, lanesAlong, withinLanes } from './lanes.ts';
import { largestOf } from './order.ts';
import { exponential } from './scalar.ts';

/** The top-k gate: the choice, and the weight of each choice. */

/** Where another slot of the token lies, beside the thread's own. */
const slotOf = integerFunction('slotOf', ['i', 'place', 'slot'], 'return i - place + slot;');

// e^{z_slot − m} / Σ e^{z − m}, m the largest logit, which is the first that was chosen. The sum runs over the chosen experts
// where the gates are renormalised, else over all.
const gateKernel = (renormalize: boolean): LaneKernel => ({
  name: renormalize ? 'renormalised gates' : 'gates',
  parameters: { chosen: 'buffer' },
  functions: [...exponential, slotOf],
  body: ({ element }) => `
    const first = chosen[slotOf(this.thread.x, place, 0)];
    const own = chosen[this.thread.x];
    const m = ${element('first')};
    let sum = 0;
    for (let l = 0; l < ${renormalize ? 'width' : 'count'}; l++) {
      ${renormalize ? 'const expert = chosen[slotOf(this.thread.x, place, l)];' : 'const expert = l;'}
      sum += exponential(${element('expert')} - m);
    }
    return exponential(${element('own')} - m) / sum;`,
});
const kernels = { all: gateKernel(false), chosen: gateKernel(true) };

// [token, expert] -> [token, slot]
export const topKGate: GpuComposite<'topKGate'> =
  (runtime) =>
  ([logits], { k, renormalize }, [{ dtype }]) => {
    const long = tooLong(logits.shape[1]);
    if (long) return long;
    const lanes = lanesAlong(runtime, 'topKGate', logits, 1);
    const chosen = largestOf(runtime, 'topKGate', lanes, k);
    const kernel = renormalize ? kernels.chosen : kernels.all;
    const gates = withinLanes(runtime, 'topKGate', lanes, k, kernel, [chosen], dtype);
    freeCopy(runtime, lanes);
    return [gates, chosen];
  };
