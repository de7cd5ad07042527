import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { engine, type SyncEngine, type Tensor } from '../../src/index.ts';
import { cpu } from '../cpu/index.ts';
import { type WasmBackend, wasm } from './index.ts';

/**
 * Reductions, and moves by index, of more elements than the kit draws: several panels, stretches and threads. In Float64 the
 * definition is the CPU backend's; a sum of n numbers, in any order, is off by at most γₙ Σ|x|, γₙ = nu/(1 − nu).
 */

const u = 2 ** -53;
const backends: WasmBackend[] = [];
let engines: SyncEngine[] = [];
const reference = engine(cpu(), { dtype: 'float64' }) as SyncEngine;
beforeAll(async () => {
  for (const threads of [1, 2]) backends.push(await wasm({ simd: 'plain', threads }));
  engines = backends.map((backend) => engine(backend, { dtype: 'float64' }) as SyncEngine);
});
afterAll(() => Promise.all(backends.map((backend) => backend.dispose())));

const product = (shape: readonly number[]): number => shape.reduce((all, size) => all * size, 1);

const drawn = new Map<number, Float64Array>();
/** Numbers from −1 to 1 without a pattern along any axis. */
function numbers(t: SyncEngine, shape: readonly number[]): Tensor {
  const size = product(shape);
  if (!drawn.has(size))
    drawn.set(
      size,
      Float64Array.from({ length: size }, (_, i) => Math.sin(i * i * 0.37 + i)),
    );
  return t.tensor(drawn.get(size)!.slice(), shape);
}

/** On every engine `compute` gives the same bits, within `bound` of what it gives on the CPU backend. */
function requireEqual(compute: (t: SyncEngine) => Tensor, bound: (t: SyncEngine) => Tensor | number): void {
  const [first, ...others] = engines.map((t) => t.dataSync(compute(t)));
  for (const other of others) expect(Buffer.compare(Buffer.from(first.buffer), Buffer.from(other.buffer))).toBe(0);
  const exact = reference.dataSync(compute(reference));
  const allowed = bound(reference);
  const most = typeof allowed === 'number' ? null : reference.dataSync(allowed);
  expect(first.length).toBe(exact.length);
  for (let i = 0; i < exact.length; i++)
    if (!(Math.abs(first[i] - exact[i]) <= (most ? most[i] : (allowed as number))))
      expect.fail(`[${i}] is ${first[i]}, but should be ${exact[i]} within ${most ? most[i] : allowed}`);
}

describe('reductions of many elements', () => {
  for (const [shape, axes] of [
    [[1310, 101], [0]], // columns, in stretches, the last one shorter
    [[40, 1500], [0]], // columns in panels
    [[100, 257], [1]], // rows that are no whole vectors
    [[140_003], [0]], // one row in stretches
    [[9, 100, 33], [1]],
    [
      [30, 40, 50],
      [0, 2],
    ],
    [
      [20, 30, 40],
      [0, 1, 2],
    ],
  ] as [number[], number[]][]) {
    const gamma = (n: number): number => (n * u) / (1 - n * u);
    const count = axes.reduce((all, axis) => all * shape[axis], 1);
    for (const [layout, of] of [
      ['', (x: Tensor) => x],
      [', flipped', (x: Tensor) => x.flip(0)],
      [', transposed', (x: Tensor) => (x.rank > 1 ? x.transpose().copy().transpose() : x)],
    ] as const) {
      it(`[${shape}] over ${axes}${layout}`, () => {
        const x = (t: SyncEngine): Tensor => of(numbers(t, shape));
        requireEqual(
          (t) => x(t).sum(axes),
          (t) => x(t).abs().sum(axes).multiply(gamma(count)),
        );
        requireEqual(
          (t) => x(t).max(axes),
          () => 0,
        );
        requireEqual(
          (t) => x(t).min(axes),
          () => 0,
        );
        // |x| ≤ 1: the mean is off by γₙ₊₁, the squares, each at most 4, by γₙ₊₃ and the square of the former
        requireEqual(
          (t) => x(t).variance(axes),
          () => 5 * gamma(2 * count + 4),
        );
        // Σ eˣ is off by γₙ₊₂ and 1 ulp for e, the logarithm by 1 ulp of at most 1 + log n; CPU's own error as much again
        requireEqual(
          (t) => x(t).logSumExp(axes),
          () => 2 * (gamma(count + 6) + 4 * u * (2 + Math.log(count))),
        );
      });
    }
  }
});

describe('by index, on threads', () => {
  const indices = (t: SyncEngine, count: number, size: number): Tensor =>
    t.tensor(
      Int32Array.from({ length: count }, (_, i) => (i * 7919 + (i >> 3)) % size),
      [count],
    );
  for (const [shape, axis, count] of [
    [[500, 130], 0, 1000],
    [[6, 50, 70], 1, 300],
    [[400, 60], 1, 200],
  ] as [number[], number, number][])
    it(`gather and scatterAdd of [${shape}] along ${axis}`, () => {
      requireEqual(
        (t) => numbers(t, shape).gather(indices(t, count, shape[axis]), axis),
        () => 0,
      );
      // Both add in ascending order of m, so nothing is rounded in another way.
      requireEqual(
        (t) => numbers(t, shape).scatterAdd(indices(t, count, shape[axis]), numbers(t, shape.with(axis, count)), axis),
        () => 0,
      );
    });
});

describe('order, on threads', () => {
  for (const [what, compute] of [
    ['the two largest', (x) => x.topK(2).values],
    ['where the two largest are', (x) => x.topK(2).indices],
    ['the hundred largest', (x) => x.topK(100).values],
    ['where the hundred largest are', (x) => x.topK(100).indices],
    ['sorting', (x) => x.sort().values],
    ['the order', (x) => x.sort().order],
  ] as [string, (x: Tensor) => Tensor][])
    it(`${what} of each lane, with ties`, () => {
      requireEqual(
        (t) => compute(numbers(t, [200, 150]).multiply(8).astype('int32').astype('float64')),
        () => 0,
      );
    });
  for (const axis of [0, 1])
    it(`running sums, the largest, and joining along axis ${axis}`, () => {
      requireEqual(
        (t) => numbers(t, [200, 150]).cumsum(axis),
        () => 0,
      );
      requireEqual(
        (t) => numbers(t, [200, 150]).argmax(axis),
        () => 0,
      );
      requireEqual(
        (t) => t.concat([numbers(t, [200, 150]), numbers(t, [200, 150]).flip(0)], axis),
        () => 0,
      );
    });
});
