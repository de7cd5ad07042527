import type { HostArray, Spec } from '../../src/backend.ts';
import { allocate, broadcastStrides, forEachRow, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel, HostView } from './kernel.ts';

/**
 * Matrix products. Whatever the strides, both factors are first copied to Float64 panels: two rows of A side by side, four
 * columns of B side by side. One inner loop then serves A·B, A·Bᵀ, Aᵀ·B and both precisions: it reads both panels from left
 * to right and keeps a tile of 2 × 4 sums in registers. Copying costs m·k + k·n against the m·k·n of the product.
 */

/** Element (r, c) lies at data[offset + r·rowStride + c·colStride]. */
export interface MatrixView {
  readonly data: HostArray;
  readonly offset: number;
  readonly rows: number;
  readonly cols: number;
  readonly rowStride: number;
  readonly colStride: number;
}

export const transposed = (x: MatrixView): MatrixView => ({
  ...x,
  rows: x.cols,
  cols: x.rows,
  rowStride: x.colStride,
  colStride: x.rowStride,
});

const tileRows = 2;
const tileCols = 4;

const panelSize = (x: MatrixView, width: number) => Math.ceil(x.rows / width) * width * x.cols;

/** [panel][col][width]: `width` rows of x interleaved. Rows past the end keep what was there: their sums are never stored. */
function packRows(x: MatrixView, width: number, panels: Float64Array): Float64Array {
  const { data, rows, cols, rowStride, colStride } = x;
  for (let row = 0; row < rows; row++) {
    const lane = row % width;
    let from = x.offset + row * rowStride;
    for (let col = 0, to = (row - lane) * cols + lane; col < cols; col++, from += colStride, to += width)
      panels[to] = data[from];
  }
  return panels;
}

/** result[at + i·n + j] = Σₗ A[i, l] B[l, j], the sums in Float64 in ascending order of l.  [m, k] · [k, n] -> [m, n] */
function multiplyPanels(
  a: Float64Array,
  b: Float64Array,
  m: number,
  k: number,
  n: number,
  result: HostArray,
  at: number,
) {
  for (let j = 0; j < n; j += tileCols) {
    const cols = Math.min(tileCols, n - j);
    for (let i = 0; i < m; i += tileRows) {
      let [s00, s01, s02, s03] = [0, 0, 0, 0];
      let [s10, s11, s12, s13] = [0, 0, 0, 0];
      for (let l = 0, p = i * k, q = j * k; l < k; l++, p += tileRows, q += tileCols) {
        const a0 = a[p];
        const a1 = a[p + 1];
        const b0 = b[q];
        const b1 = b[q + 1];
        const b2 = b[q + 2];
        const b3 = b[q + 3];
        s00 += a0 * b0;
        s01 += a0 * b1;
        s02 += a0 * b2;
        s03 += a0 * b3;
        s10 += a1 * b0;
        s11 += a1 * b1;
        s12 += a1 * b2;
        s13 += a1 * b3;
      }
      const row0 = at + i * n + j;
      storeRow(result, row0, cols, s00, s01, s02, s03);
      if (i + 1 < m) storeRow(result, row0 + n, cols, s10, s11, s12, s13);
    }
  }
}

function storeRow(result: HostArray, at: number, cols: number, s0: number, s1: number, s2: number, s3: number): void {
  result[at] = s0;
  if (cols > 1) result[at + 1] = s1;
  if (cols > 2) result[at + 2] = s2;
  if (cols > 3) result[at + 3] = s3;
}

/** A·B into `result` from `at` on, row-major.  [m, k] · [k, n] -> [m, n] */
export function multiplyInto(result: HostArray, at: number, a: MatrixView, b: MatrixView): void {
  const columns = transposed(b);
  const left = packRows(a, tileRows, new Float64Array(panelSize(a, tileRows)));
  const right = packRows(columns, tileCols, new Float64Array(panelSize(columns, tileCols)));
  multiplyPanels(left, right, a.rows, a.cols, b.cols, result, at);
}

/** The last two axes as a matrix, beginning at `offset`. */
export const matrixOf = (x: HostView, offset: number): MatrixView => ({
  data: x.buffer,
  offset,
  rows: x.shape.at(-2)!,
  cols: x.shape.at(-1)!,
  rowStride: x.strides.at(-2)!,
  colStride: x.strides.at(-1)!,
});

/** Every matrix of the batch axes, which are broadcast to those of the output; `batch` counts them in row-major order. */
function forEachMatrix(
  inputs: readonly HostView[],
  output: Spec,
  visit: (batch: number, matrices: readonly MatrixView[]) => void,
): void {
  const batchShape = output.shape.slice(0, -2);
  const views = inputs.map((x) => ({
    strides: broadcastStrides({ shape: x.shape.slice(0, -2), strides: x.strides.slice(0, -2) }, batchShape),
    offset: x.offset,
  }));
  forEachRow(batchShape, views, (at, positions, length, steps) => {
    for (let i = 0; i < length; i++)
      visit(
        at + i,
        inputs.map((x, v) => matrixOf(x, positions[v] + i * steps[v])),
      );
  });
}

export const matmul: HostKernel<CompositeAttrs['matmul']> = ([a, b], _, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  if (result.length === 0) return [result];
  const [first, firstColumns] = [matrixOf(a, a.offset), transposed(matrixOf(b, b.offset))];
  const left = new Float64Array(panelSize(first, tileRows));
  const right = new Float64Array(panelSize(firstColumns, tileCols));
  const [m, k, n] = [first.rows, first.cols, firstColumns.rows];
  // A matrix that is repeated along the batch is packed once.
  let [packedA, packedB] = [Number.NaN, Number.NaN];
  forEachMatrix([a, b], output, (batch, [matrixA, matrixB]) => {
    if (matrixA.offset !== packedA) packRows(matrixA, tileRows, left);
    if (matrixB.offset !== packedB) packRows(transposed(matrixB), tileCols, right);
    [packedA, packedB] = [matrixA.offset, matrixB.offset];
    multiplyPanels(left, right, m, k, n, result, batch * m * n);
  });
  return [result];
};

// AᵀA:  [col, row] · [row, col] -> [col, col]
export const gram: HostKernel<CompositeAttrs['gram']> = ([a], _, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  forEachMatrix([a], output, (batch, [matrix]) =>
    multiplyInto(result, batch * matrix.cols ** 2, transposed(matrix), matrix),
  );
  return [result];
};

// G − V(VᵀG), or G − (G V)Vᵀ, which is (Gᵀ − V(VᵀGᵀ))ᵀ:  both products stay in Float64, so that the result is rounded once
export const orthogonalProject: HostKernel<CompositeAttrs['orthogonalProject']> = ([g, v], { side }, [output]) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  forEachMatrix([g, v], output, (batch, [whole, matrixV]) => {
    const matrixG = side === 'left' ? whole : transposed(whole);
    const [size, other, rank] = [matrixG.rows, matrixG.cols, matrixV.cols];
    const inner = new Float64Array(rank * other);
    multiplyInto(inner, 0, transposed(matrixV), matrixG); // [rank, size] · [size, other] -> [rank, other]
    const spanned = new Float64Array(size * other);
    const innerMatrix = { data: inner, offset: 0, rows: rank, cols: other, rowStride: other, colStride: 1 };
    multiplyInto(spanned, 0, matrixV, innerMatrix); // [size, rank] · [rank, other] -> [size, other]
    const [rowStep, colStep] = side === 'left' ? [other, 1] : [1, size];
    for (let r = 0, i = 0; r < size; r++) {
      let p = matrixG.offset + r * matrixG.rowStride;
      let at = batch * size * other + r * rowStep;
      for (let c = 0; c < other; c++, p += matrixG.colStride, at += colStep, i++)
        result[at] = matrixG.data[p] - spanned[i];
    }
  });
  return [result];
};
