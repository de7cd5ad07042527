import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engine, type SyncEngine, type Tensor } from '../../src/index.ts';
import { composites } from '../../src/ops/index.ts';
import { type WasmBackend, wasm } from './index.ts';

/**
 * Products that are cut in several blocks along every axis, which the small ones of the kit are not. The definition is summed in
 * Float64; a Float32 sum of n products is off by at most γₙ Σ|a b|, γₙ = nu/(1 − nu).
 */

const u = 2 ** -24;
const gamma = (n: number): number => (n * u) / (1 - n * u);
const backends: WasmBackend[] = [];
let engines: SyncEngine[] = [];
beforeAll(async () => {
  for (const [simd, threads] of [
    ['plain', 1],
    ['plain', 2],
    ['relaxed', 2],
  ] as const)
    backends.push(await wasm({ simd, threads }));
  engines = backends.map((backend) => engine(backend));
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

/** Numbers from −1 to 1 without a pattern along either axis. */
const numbers = (count: number, seed: number): Float32Array =>
  Float32Array.from({ length: count }, (_, i) => Math.sin(i * i * 0.37 + i + seed));

const bitsOf = (x: Float32Array): Buffer => Buffer.from(x.buffer, x.byteOffset, x.byteLength);

interface Shape {
  readonly m: number;
  readonly k: number;
  readonly n: number;
}

/** a [m, k] and b [k, n] row-major; `c` is what a backend made of them, off by `more` for another reason. */
function requireProduct(c: ArrayLike<number>, a: Float32Array, b: Float32Array, { m, k, n }: Shape, more = 0): void {
  for (let i = 0; i < m; i++) {
    const sums = new Float64Array(n);
    const sizes = new Float64Array(n);
    for (let l = 0; l < k; l++)
      for (let j = 0, x = a[i * k + l]; j < n; j++) {
        const term = x * b[l * n + j];
        sums[j] += term;
        sizes[j] += Math.abs(term);
      }
    for (let j = 0; j < n; j++) {
      const bound = gamma(k) * sizes[j] + more;
      if (!(Math.abs(c[i * n + j] - sums[j]) <= bound))
        expect.fail(`c[${i}, ${j}] is ${c[i * n + j]}, but should be ${sums[j]} within ${bound}`);
    }
  }
}

function transposed(x: Float32Array, rows: number, cols: number): Float32Array {
  const y = new Float32Array(x.length);
  for (let r = 0; r < rows; r++) for (let c = 0; c < cols; c++) y[c * rows + r] = x[r * cols + c];
  return y;
}

const shapes: Shape[] = [
  { m: 97, k: 530, n: 75 },
  { m: 500, k: 265, n: 37 },
  { m: 490, k: 21, n: 530 },
  { m: 250, k: 70, n: 1030 },
  { m: 13, k: 259, n: 517 },
  { m: 1, k: 300, n: 21 },
  { m: 301, k: 257, n: 1 },
];

describe.each(shapes)('matmul [$m, $k] · [$k, $n]', ({ m, k, n }) => {
  const [a, b] = [numbers(m * k, 1), numbers(k * n, 2)];
  const results = (t: SyncEngine): Tensor[] => {
    const [left, right] = [t.tensor(a, [m, k]), t.tensor(b, [k, n])];
    const leftColumns = t.tensor(transposed(a, m, k), [k, m]).transpose();
    const rightColumns = t.tensor(transposed(b, k, n), [n, k]).transpose();
    return [left, leftColumns].flatMap((x) => [right, rightColumns].map((y) => x.matmul(y)));
  };

  it('equals its definition, however its factors lie', () => {
    for (const t of engines) for (const c of results(t)) requireProduct(t.dataSync(c), a, b, { m, k, n });
  });

  it('gives the same bits on one and on two threads', () => {
    const [one, two] = engines.map((t) => results(t).map((c) => bitsOf(t.dataSync(c) as Float32Array)));
    one.forEach((bits, i) => {
      expect(two[i].equals(bits)).toBe(true);
    });
  });
});

it('a factor whose rows or columns are one row or column, repeated', () => {
  const a = numbers(3 * 5, 1);
  const [row, column] = [numbers(8, 2), numbers(5, 3)];
  const rows = Float32Array.from({ length: 40 }, (_, i) => row[i % 8]);
  const columns = Float32Array.from({ length: 40 }, (_, i) => column[Math.floor(i / 8)]);
  for (const t of engines) {
    const left = t.tensor(a, [3, 5]);
    const repeatedRows = t.tensor(row, [1, 8]).broadcastTo([5, 8]);
    const repeatedColumns = t.tensor(column, [5, 1]).broadcastTo([5, 8]);
    requireProduct(t.dataSync(left.matmul(repeatedRows)), a, rows, { m: 3, k: 5, n: 8 });
    requireProduct(t.dataSync(left.matmul(repeatedColumns)), a, columns, { m: 3, k: 5, n: 8 });
  }
});

it('a NaN stays in its row and in its column', () => {
  const { m, k, n } = { m: 45, k: 300, n: 43 };
  const [a, b] = [numbers(m * k, 3), numbers(k * n, 4)];
  a[44 * k + 299] = Number.NaN;
  b[n - 1] = Number.NaN;
  for (const t of engines) {
    const c = t.dataSync(t.tensor(a, [m, k]).matmul(t.tensor(b, [k, n])));
    const found = Array.from(c, Number.isNaN);
    const expected = Array.from(c, (_, at) => Math.floor(at / n) === 44 || at % n === n - 1);
    expect(found).toEqual(expected);
  }
});

it('an activation follows every block of a linear map', () => {
  const [rows, inner, out] = [250, 265, 530];
  const [x, w, b] = [numbers(rows * inner, 7), numbers(inner * out, 8), numbers(out, 9)];
  for (const t of engines) {
    const inputs = [t.tensor(x, [rows, inner]), t.tensor(w, [inner, out]), t.tensor(b, [out])];
    const [y, z] = t.run(composites.linear, inputs, { activation: 'gelu' });
    expect(bitsOf(t.dataSync(y) as Float32Array).equals(bitsOf(t.dataSync(z.gelu()) as Float32Array))).toBe(true);
    const product = Float64Array.from(t.dataSync(z), (sum, i) => sum - b[i % out]);
    const bias = Math.max(...b.map(Math.abs));
    // γ_{in+1}(Σ|x w| + |b|) is at most γ_in Σ|x w| and this, as γ_{in+1} − γ_in < 2u and no factor is above 1.
    const more = gamma(inner + 1) * bias + 2 * u * inner;
    requireProduct(product, x, w, { m: rows, k: inner, n: out }, more);
  }
});

it('linear maps of experts with no, few and many rows equal a product each', () => {
  const [counts, inner, out] = [[0, 1, 130, 0, 57, 7], 270, 90];
  const ends = [0];
  for (const count of counts) ends.push(ends.at(-1)! + count);
  const rows = ends.at(-1)! + 5;
  const [x, w] = [numbers(rows * inner, 5), numbers(counts.length * inner * out, 6)];
  for (const t of engines) {
    const [tx, tw] = [t.tensor(x, [rows, inner]), t.tensor(w, [counts.length, inner, out])];
    const y = t.dataSync(tx.groupedMatmul(tw, t.tensor(ends, [ends.length], 'int32')));
    counts.forEach((m, e) => {
      const [ours, weights] = [x.subarray(ends[e] * inner), w.subarray(e * inner * out)];
      requireProduct(y.subarray(ends[e] * out), ours, weights, { m, k: inner, n: out });
    });
    expect(y.subarray(ends.at(-1)! * out).every((z) => z === 0)).toBe(true);

    const outer = t.dataSync(tx.groupedOuter(tx, t.tensor(ends, [ends.length], 'int32')));
    counts.forEach((k, e) => {
      const ours = x.slice(ends[e] * inner, ends[e + 1] * inner);
      const shape = { m: inner, k, n: inner };
      requireProduct(outer.subarray(e * inner * inner), transposed(ours, k, inner), ours, shape);
    });
  }
});
