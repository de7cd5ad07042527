import { normalizeAxis, sizeOf } from '../../src/shape.ts';
import { copyInto } from './copy.ts';
import { requireIndex } from './indices.ts';
import type { CompositeAttrs } from './kernel.ts';
import { normRows } from './kernels/blocks.ts';
import { rowGrain, twin } from './rows.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';

/** Softmax and its logarithm, layer norm, cross entropy, and what flows back: rows that lie in one piece, each on its own. */

/** The view with `axis` moved to the end, or back from there. */
function permuted(view: WasmView, order: readonly number[]): WasmView {
  return { ...view, shape: order.map((a) => view.shape[a]), strides: order.map((a) => view.strides[a]) };
}

/**
 * A function of rows, along any axis: where that is not the last one, inputs and result go through memory in which it is.
 * @param compute fills rows [row, width] at `to` from those of the inputs
 */
const alongAxis =
  (
    operation: string,
    compute: (runtime: Runtime, inputs: readonly WasmView[], to: number, rows: number, width: number) => void,
  ): WasmKernel<{ readonly axis: number }> =>
  (runtime, inputs, attrs, [output]) => {
    const result = runtime.output(output);
    const { shape } = output;
    const axis = normalizeAxis(operation, attrs.axis, shape.length);
    const [size, width] = [sizeOf(shape), shape[axis]];
    if (size === 0) return [result];
    const axes = shape.map((_, a) => a);
    const lastOrder = [...axes.filter((a) => a !== axis), axis];
    const rows = inputs.map((x) => runtime.contiguous(permuted(x, lastOrder)));
    if (axis === shape.length - 1) {
      compute(runtime, rows, result.address, size / width, width);
    } else {
      const computed = runtime.temporary(rows[0]);
      compute(runtime, rows, runtime.address(computed), size / width, width);
      const back = axes.map((a) => lastOrder.indexOf(a));
      copyInto(runtime, permuted(computed, back), result.address);
    }
    return [result];
  };

export const softmax = alongAxis('softmax', (runtime, [x], to, rows, width) =>
  runtime.run(`softmax${twin(x)}`, rows, rowGrain(width), runtime.address(x), to, width),
);

export const logSoftmax = alongAxis('logSoftmax', (runtime, [x], to, rows, width) =>
  runtime.run(`logSoftmax${twin(x)}`, rows, rowGrain(width), runtime.address(x), to, width),
);

export const softmaxGradient = alongAxis('softmaxGradient', (runtime, [y, g], to, rows, width) =>
  runtime.run(`softmaxGradient${twin(y)}`, rows, rowGrain(width), runtime.address(y), runtime.address(g), to, width),
);

/** How many rows [row, width] a view has. */
const rowsOf = ({ shape }: WasmView): number => sizeOf(shape.slice(0, -1));

export const layerNorm: WasmKernel<CompositeAttrs['layerNorm']> = (runtime, inputs, { epsilon }, [output]) => {
  const result = runtime.output(output);
  const width = output.shape.at(-1)!;
  if (width === 0) return [result];
  const [x, weight, bias] = inputs.map(runtime.contiguous);
  const [from, w, b] = [x, weight, bias].map(runtime.address);
  runtime.run(`layerNorm${twin(x)}`, rowsOf(x), rowGrain(width), from, w, b, result.address, width, epsilon);
  return [result];
};

export const layerNormGradient: WasmKernel<CompositeAttrs['layerNormGradient']> = (
  runtime,
  inputs,
  { epsilon },
  outputs,
) => {
  const [ofX, ofWeight, ofBias] = outputs.map(runtime.output);
  const width = outputs[1].shape[0];
  if (width === 0) return [ofX, ofWeight, ofBias];
  const [x, weight, g] = inputs.map(runtime.contiguous);
  const rows = rowsOf(x);
  const blocks = Math.ceil(rows / normRows);
  const partial = runtime.temporary({ shape: [blocks, 2, width], dtype: x.dtype });
  const [from, w, slope, sums] = [x, weight, g, partial].map(runtime.address);
  const grain = Math.ceil(rowGrain(width) / normRows);
  const name = `layerNormGradient${twin(x)}` as const;
  runtime.run(name, blocks, grain, from, w, slope, ofX.address, sums, rows, width, epsilon);
  const halves = [partial, { ...partial, offset: width }].map(runtime.address);
  const columns = rowGrain(blocks);
  runtime.run(`sumPartial${twin(x)}`, width, columns, halves[0], ofWeight.address, blocks, width);
  runtime.run(`sumPartial${twin(x)}`, width, columns, halves[1], ofBias.address, blocks, width);
  return [ofX, ofWeight, ofBias];
};

export const crossEntropy: WasmKernel<CompositeAttrs['crossEntropy']> = (runtime, [logits, labels], _, [output]) => {
  const [rows, classes] = logits.shape;
  const label = requireIndex(runtime, 'crossEntropy', labels, classes, 'label');
  const result = runtime.output(output);
  const [z, c] = [runtime.contiguous(logits), label].map(runtime.address);
  runtime.run(`crossEntropy${twin(logits)}`, rows, rowGrain(classes), z, c, result.address, classes);
  return [result];
};

export const crossEntropyGradient: WasmKernel<CompositeAttrs['crossEntropyGradient']> = (
  runtime,
  inputs,
  _,
  [output],
) => {
  const result = runtime.output(output);
  const [rows, classes] = output.shape;
  if (classes === 0) return [result];
  const [z, c, g] = inputs.map(runtime.contiguous).map(runtime.address);
  runtime.run(`crossEntropyGradient${twin(output)}`, rows, rowGrain(classes), z, c, g, result.address, classes);
  return [result];
};
