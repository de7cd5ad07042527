import { matrixSteps } from './matmul.ts';
import { batchOffsets, matrixBytes, multiply } from './product.ts';
import type { WasmKernel } from './runtime.ts';

/** The two contractions of orthogonal training. */

// AᵀA:  [col, row] · [row, col] -> [col, col]
export const gram: WasmKernel<object> = (runtime, [a], _, [output]) => {
  const c = runtime.output(output);
  const [row, col] = matrixSteps(a);
  const [rows, cols] = a.shape.slice(-2);
  const from = runtime.address(a);
  const list = batchOffsets(a, output).map((offset, i) => {
    const matrix = from + offset;
    return { rows: cols, inner: rows, a: matrix, b: matrix, c: c.address + i * matrixBytes(output), start: 0 };
  });
  multiply(runtime, { dtype: a.dtype, cols, a: [col, row], b: [row, col], list });
  return [c];
};

interface ProjectAttrs {
  readonly side: 'left' | 'right';
}

/**
 * G − V(VᵀG), or G − (G V)Vᵀ: the first product is turned round in its sign, and the sums of the second begin with G. So every
 * element of G is read twice and no dense projector and no second difference is made.
 */
export const orthogonalProject: WasmKernel<ProjectAttrs> = (runtime, [g, v], { side }, [output]) => {
  const c = runtime.output(output);
  const [rows, cols] = g.shape.slice(-2);
  const rank = v.shape.at(-1)!;
  const from = matrixSteps(g)[1] === 1 ? g : runtime.contiguous(g);
  const [[gRow, gCol], [vRow, vCol]] = [matrixSteps(from), matrixSteps(v)];
  const [fromG, fromV] = [runtime.address(from), runtime.address(v)];
  const [offsetsG, offsetsV] = [batchOffsets(from, output), batchOffsets(v, output)];
  const along = runtime.temporary({
    dtype: g.dtype,
    shape: [offsetsG.length, ...(side === 'left' ? [rank, cols] : [rows, rank])],
  });
  const places = offsetsG.map((offset, i) => ({
    g: fromG + offset,
    v: fromV + offsetsV[i],
    along: runtime.address(along) + i * matrixBytes(along),
    c: c.address + i * matrixBytes(output),
  }));

  if (side === 'left') {
    // −VᵀG:  [rank, row] · [row, col] -> [rank, col]
    const first = places.map((at) => ({ rows: rank, inner: rows, a: at.v, b: at.g, c: at.along, start: 0 }));
    const common = { dtype: g.dtype, cols };
    multiply(runtime, { ...common, a: [vCol, vRow], b: [gRow, gCol], finish: 'negative', list: first });
    // G + V(−VᵀG):  [row, rank] · [rank, col] -> [row, col]
    const second = places.map((at) => ({ rows, inner: rank, a: at.v, b: at.along, c: at.c, start: at.g }));
    multiply(runtime, { ...common, a: [vRow, vCol], b: [cols, 1], startRow: gRow, list: second });
  } else {
    // −G V:  [row, col] · [col, rank] -> [row, rank]
    const first = places.map((at) => ({ rows, inner: cols, a: at.g, b: at.v, c: at.along, start: 0 }));
    const common = { dtype: g.dtype };
    multiply(runtime, { ...common, cols: rank, a: [gRow, gCol], b: [vRow, vCol], finish: 'negative', list: first });
    // G + (−G V)Vᵀ:  [row, rank] · [rank, col] -> [row, col]
    const second = places.map((at) => ({ rows, inner: rank, a: at.along, b: at.v, c: at.c, start: at.g }));
    multiply(runtime, { ...common, cols, a: [rank, 1], b: [vCol, vRow], startRow: gRow, list: second });
  }
  return [c];
};
