import type { View } from '../../src/backend.ts';
import { addressFunctions } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import type { Program } from './program.ts';
import type { Runtime } from './runtime.ts';

/**
 * The positions of a vector in ascending order of its values, equal ones in order of position. Merge sort: each pass joins
 * neighbouring runs of `run` positions, and each thread finds which element comes to its place by a search along its
 * diagonal of the merge (Odeh, Green, Mwassi, Shmueli, Birk 2012, "Merge Path").
 */
const mergeProgram: Program = {
  key: 'merge runs',
  parameters: {
    order: 'buffer',
    values: 'buffer',
    count: 'integer',
    run: 'integer',
    offset: 'integer',
    stride: 'integer',
  },
  functions: addressFunctions(1),
  body: `
    const begin = quotient(this.thread.x, 2 * run) * 2 * run;
    const place = this.thread.x - begin;
    const left = Math.min(run, count - begin);
    const right = Math.max(0, Math.min(run, count - begin - run));
    let low = Math.max(0, place - right);
    let high = Math.min(place, left);
    for (let step = 0; step < 26; step++) {
      if (low < high) {
        const middle = low + Math.floor((high - low) * 0.5);
        const a = order[address1(middle, 1, begin)];
        const b = order[address1(place - 1 - middle, 1, begin + run)];
        const va = values[address1(a, stride, offset)];
        const vb = values[address1(b, stride, offset)];
        if (va <= vb) { low = middle + 1; } else { high = middle; }
      }
    }
    const other = place - low;
    let result = 0;
    if (low >= left) {
      result = order[address1(other, 1, begin + run)];
    } else {
      const mine = order[address1(low, 1, begin)];
      result = mine;
      if (other < right) {
        const yours = order[address1(other, 1, begin + run)];
        const vm = values[address1(mine, stride, offset)];
        const vy = values[address1(yours, stride, offset)];
        if (vy < vm) { result = yours; }
      }
    }
    return result;`,
};

const positions: Program = { key: 'positions', parameters: {}, body: 'return this.thread.x;' };

/** For vectors of at most 2²⁴ numbers, none of them NaN. */
export function stableOrder(runtime: Runtime, operation: string, values: View<GpuBuffer>): GpuBuffer {
  const [count] = values.shape;
  let order = runtime.run(operation, positions, [], count, 'int32');
  for (let run = 1; run < count; run *= 2) {
    const args = [order, values.buffer, count, run, values.offset, values.strides[0]];
    const next = runtime.run(operation, mergeProgram, args, count, 'int32');
    runtime.free(order);
    order = next;
  }
  order.interval = [0, Math.max(0, count - 1)];
  return order;
}
