import { mergeAxes } from './layout.ts';
import { batchOffsets, matrixBytes, multiply, type Product } from './product.ts';
import type { WasmKernel, WasmView } from './runtime.ts';

/** The steps along the last two axes. */
export const matrixSteps = ({ strides }: WasmView): [row: number, col: number] => [strides.at(-2)!, strides.at(-1)!];

/** […, m, inner] · […, inner, n] -> […, m, n] */
export const matmul: WasmKernel<object> = (runtime, [a, b], _, [output]) => {
  const c = runtime.output(output);
  const [[row, inner], [rows, size]] = [matrixSteps(a), a.shape.slice(-2)];
  const common = { dtype: output.dtype, cols: output.shape.at(-1)!, b: matrixSteps(b) };
  const [fromA, fromB] = [runtime.address(a), runtime.address(b)];
  const [offsetsA, offsetsB] = [batchOffsets(a, output), batchOffsets(b, output)];

  // One B for a whole batch whose rows follow each other evenly is a single product with more rows.
  const rowsOfBatch = mergeAxes(a.shape.slice(0, -1), [{ strides: a.strides.slice(0, -1) }]);
  const folded = rows * offsetsA.length;
  if (rowsOfBatch.sizes.length === 1 && rowsOfBatch.sizes[0] === folded && offsetsB.every((offset) => offset === 0)) {
    const all: Product = { rows: folded, inner: size, a: fromA, b: fromB, c: c.address, start: 0 };
    multiply(runtime, { ...common, a: [rowsOfBatch.steps[0][0], inner], list: [all] });
    return [c];
  }
  const list = offsetsA.map((offset, i): Product => {
    const to = c.address + i * matrixBytes(output);
    return { rows, inner: size, a: fromA + offset, b: fromB + offsetsB[i], c: to, start: 0 };
  });
  multiply(runtime, { ...common, a: [row, inner], list });
  return [c];
};
