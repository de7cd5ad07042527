import { isContiguous, sizeOf } from '../../src/shape.ts';
import { addressFunctions, integerFunction } from './addressing.ts';
import { gathered, requireIndices } from './gather.ts';
import type { GpuComposite } from './kernel.ts';
import { copied } from './move.ts';
import type { Program } from './program.ts';

/** Tokens to the experts' rows and back. */

// y_r = x_{tokenOfRow[r]}
export const moeDispatch: GpuComposite<'moeDispatch'> =
  (runtime) =>
  ([x, tokenOfRow], _, [output]) => [gathered(runtime, 'moeDispatch', x, tokenOfRow, 0, output)];

const combineProgram: Program = {
  key: 'combine',
  parameters: {
    ...{ rows: 'buffer', rowsOffset: 'integer', rowStride: 'integer', columnStride: 'integer' },
    ...{ gates: 'buffer', gatesOffset: 'integer', gatesToken: 'integer', gatesSlot: 'integer' },
    ...{ rowOfSlot: 'buffer', tableOffset: 'integer', offsets: 'buffer', end: 'integer' },
    ...{ slots: 'integer', width: 'integer' },
  },
  functions: [
    ...addressFunctions(1),
    integerFunction('entryAt', ['offset', 'i', 'si', 'j', 'sj'], 'return offset + i * si + j * sj;'),
  ],
  body: `
    const served = offsets[end];
    let sum = 0;
    for (let slot = 0; slot < slots; slot++) {
      const row = rowOfSlot[entryAt(tableOffset, quotient(this.thread.x, width), slots, slot, 1)];
      if (row < served) {
        const gate = gates[entryAt(gatesOffset, quotient(this.thread.x, width), gatesToken, slot, gatesSlot)];
        const value = rows[entryAt(rowsOffset, row, rowStride, remainder(this.thread.x, width), columnStride)];
        sum += gate * value;
      }
    }
    return sum;`,
};

// y_t = Σ gate · row over the slots of t whose row belongs to an expert
export const moeCombine: GpuComposite<'moeCombine'> =
  (runtime) =>
  ([rows, gates, rowOfSlot, , , offsets], _, [output]) => {
    const [tokens, slots] = gates.shape;
    const table = isContiguous(rowOfSlot) ? rowOfSlot : copied(runtime, 'moeCombine', rowOfSlot);
    const free = () => {
      if (table !== rowOfSlot) runtime.free(table.buffer);
    };
    try {
      requireIndices(runtime, 'moeCombine', { ...table, shape: [tokens * slots], strides: [1] }, rows.shape[0]);
    } catch (refusal) {
      free();
      throw refusal;
    }
    const end = offsets.offset + (offsets.shape[0] - 1) * offsets.strides[0];
    const args = [
      ...[rows.buffer, rows.offset, ...rows.strides],
      ...[gates.buffer, gates.offset, ...gates.strides],
      ...[table.buffer, table.offset, offsets.buffer, end, slots, output.shape[1]],
    ];
    const y = runtime.run('moeCombine', combineProgram, args, sizeOf(output.shape), output.dtype);
    free();
    return [y];
  };
