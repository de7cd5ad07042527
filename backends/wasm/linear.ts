import { requireOffsets } from './indices.ts';
import { gelu, geluTanh, relu, silu } from './kernels/kinds.ts';
import { matrixSteps } from './matmul.ts';
import { multiply, type Product, type Products } from './product.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf, type WasmBuffer } from './storage.ts';

/** Product, bias and activation in one: the sums begin with the bias, and the activation follows while a block is in cache. */

const activations = { relu, gelu, geluTanh, silu };

interface LinearAttrs {
  readonly activation: keyof typeof activations | 'none';
}

const bytesBetween = (from: WasmBuffer, to: WasmBuffer): number => to.address - from.address;

const finishOf = ({ activation }: LinearAttrs, y: WasmBuffer, z: WasmBuffer): Products['finish'] =>
  activation === 'none' ? undefined : { activation: activations[activation], toActivated: bytesBetween(z, y) };

// [row, in] · [in, out] + [out] -> [row, out]
export const linear: WasmKernel<LinearAttrs> = (runtime, [x, w, bias], attrs, outputs) => {
  const results = outputs.map(runtime.output);
  const [y, z] = [results[0], results.at(-1)!];
  const start = runtime.address(runtime.contiguous(bias));
  const [rows, inner] = x.shape;
  multiply(runtime, {
    dtype: x.dtype,
    cols: w.shape[1],
    a: matrixSteps(x),
    b: matrixSteps(w),
    finish: finishOf(attrs, y, z),
    list: [{ rows, inner, a: runtime.address(x), b: runtime.address(w), c: z.address, start }],
  });
  return results;
};

// Each expert's rows by its own matrix and bias.  [row, in] · [expert, in, out] + [expert, out] -> [row, out]
export const groupedLinear: WasmKernel<LinearAttrs> = (runtime, [x, w, bias, offsets], attrs, outputs) => {
  const ends = requireOffsets(runtime, 'groupedLinear', offsets, x.shape[0]);
  const results = outputs.map(runtime.output);
  const [y, z] = [results[0], results.at(-1)!];
  multiply(runtime, {
    dtype: x.dtype,
    cols: w.shape[2],
    a: matrixSteps(x),
    b: matrixSteps(w),
    finish: finishOf(attrs, y, z),
    list: byExpert(runtime, ends, x, w, runtime.contiguous(bias), z),
  });
  for (const result of results) clearRest(runtime, ends, result, w.shape[2]);
  return results;
};

/** One product an expert: its rows of x, its matrix, and its row of `bias` where there is one. */
export function byExpert(
  runtime: Runtime,
  ends: Int32Array,
  x: WasmView,
  w: WasmView,
  bias: WasmView | null,
  c: WasmBuffer,
): Product[] {
  const bytes = bytesOf[x.dtype];
  const [inner, cols] = w.shape.slice(1);
  return Array.from({ length: w.shape[0] }, (_, expert) => ({
    rows: ends[expert + 1] - ends[expert],
    inner,
    a: runtime.address(x) + ends[expert] * x.strides[0] * bytes,
    b: runtime.address(w) + expert * w.strides[0] * bytes,
    c: c.address + ends[expert] * cols * bytes,
    start: bias === null ? 0 : runtime.address(bias) + expert * cols * bytes,
  }));
}

/** Rows of no expert are 0, in z and, as every activation keeps 0, in y. */
export function clearRest(runtime: Runtime, ends: Int32Array, result: WasmBuffer, cols: number): void {
  const from = ends[ends.length - 1] * cols;
  const bytes = bytesOf[result.dtype];
  const words = ((result.length - from) * bytes) / 4;
  runtime.run('fill32', words, 1 << 15, result.address + from * bytes, 0);
}
