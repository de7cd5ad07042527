import fc from 'fast-check';
import ndarray, { type NdArray } from 'ndarray';
import { describe, expect, it } from 'vitest';
import type { Int, Real } from '../../spec/array.ts';
import { adamw } from '../../spec/method/adamw.ts';
import * as spec from '../../spec/ops/index.ts';
import type { ArithmeticKind, ComparisonKind, DType, HostArray, Spec, UnaryKind, View } from '../../src/backend.ts';
import { allocate } from '../../src/shape.ts';
import { type CpuBuffer, cpu } from './index.ts';

/**
 * Every kernel against its definition in spec/, on strided views: permuted, flipped, repeated, with gaps, and with sizes 0
 * and 1. Inputs are mostly small integers, whose sums and products are exact in either precision, so that a wrong stride
 * cannot hide in a tolerance; and the spec reads the very same memory through scijs strides.
 */

const backend = cpu();
type Host = View<HostArray>;

/** Some layout in memory of some shape. */
function viewOf(shape: readonly number[], dtype: DType, element: fc.Arbitrary<number>): fc.Arbitrary<Host> {
  const axes = shape.map((_, axis) => axis);
  return fc
    .record({
      order: fc.shuffledSubarray(axes, { minLength: axes.length }),
      gaps: fc.array(fc.integer({ min: 1, max: 2 }), { minLength: axes.length, maxLength: axes.length }),
      kinds: fc.array(fc.constantFrom('plain', 'plain', 'flipped', 'repeated'), {
        minLength: axes.length,
        maxLength: axes.length,
      }),
      lead: fc.integer({ min: 0, max: 3 }),
    })
    .chain(({ order, gaps, kinds, lead }) => {
      const strides = shape.map(() => 0);
      let [length, offset] = [1, lead];
      for (const axis of order) {
        if (kinds[axis] === 'repeated') continue;
        strides[axis] = length * gaps[axis];
        length *= Math.max(1, gaps[axis] * shape[axis]);
        if (kinds[axis] !== 'flipped' || shape[axis] === 0) continue;
        offset += (shape[axis] - 1) * strides[axis];
        strides[axis] = -strides[axis];
      }
      const size = lead + length;
      return fc.array(element, { minLength: size, maxLength: size }).map((values) => {
        const buffer = allocate(dtype, size);
        buffer.set(values);
        return { buffer, shape, strides, offset, dtype };
      });
    });
}

const sizes = fc.integer({ min: 0, max: 4 });
const shapes = (minRank: number, maxRank = 3) => fc.array(sizes, { minLength: minRank, maxLength: maxRank });
const small = fc.integer({ min: -5, max: 5 });
const hostile = fc.oneof(
  small,
  fc.float(),
  fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -0),
);
const moderate = fc.float({ min: -8, max: 8, noNaN: true });
const floats = fc.constantFrom<DType>('float32', 'float64');

const real = (x: Host): Real => ndarray(Float64Array.from(x.buffer), [...x.shape], [...x.strides], x.offset);
const int = (x: Host): Int => real(x) as unknown as Int;

const kernels: Readonly<Record<string, unknown>> = { ...backend.kernels };
type AnyKernel = (inputs: readonly View<CpuBuffer>[], attrs: object, outputs: readonly Spec[]) => readonly CpuBuffer[];

/** Runs a kernel; the outputs as host arrays. */
function run(name: string, inputs: readonly Host[], attrs: object, ...outputs: readonly Spec[]): HostArray[] {
  const views = inputs.map((x) => ({ ...x, buffer: backend.upload(x.buffer, x.dtype) }));
  return (kernels[name] as AnyKernel)(views, attrs, outputs).map((buffer) => backend.readSync(buffer));
}

/** Within `bound` of the definition after one rounding to the dtype of `actual`; without a bound, equal (±0 alike). */
function expectClose(
  actual: HostArray,
  definition: NdArray<Float64Array | Int32Array | Uint8Array>,
  bound = (_: number) => 0,
) {
  const expected: number[] = [];
  const flat = spec.reshape(definition as Real, [definition.size]);
  for (let i = 0; i < flat.shape[0]; i++) expected.push(flat.get(i));
  expect(actual.length).toBe(expected.length);
  const round = (x: number) => (actual instanceof Float32Array ? Math.fround(x) : x);
  let worst: { index: number; actual: number; expected: number; bound: number } | undefined;
  let excess = 0;
  expected.forEach((value, index) => {
    const same = Object.is(actual[index], round(value)) || actual[index] === round(value);
    const slack = bound(value);
    // Around the definition lies [value ± slack]; what is stored is some number of it, rounded.
    const inside = slack > 0 && actual[index] >= round(value - slack) && actual[index] <= round(value + slack);
    const distance = Math.abs(actual[index] - value) / (slack || 1);
    if (same || inside || (worst && distance <= excess)) return;
    worst = { index, actual: actual[index], expected: value, bound: slack };
    excess = distance;
  });
  expect(worst, 'the worst element').toBeUndefined();
}

const u = 2 ** -53;
const runs = { numRuns: 60 };
const check = <T>(arbitrary: fc.Arbitrary<T>, law: (example: T) => void) =>
  fc.assert(fc.property(arbitrary, law), runs);

describe('elementwise', () => {
  const arrays = (count: number, element: fc.Arbitrary<number>) =>
    fc
      .tuple(shapes(0, 4), floats)
      .chain(([shape, dtype]) => fc.tuple(...Array.from({ length: count }, () => viewOf(shape, dtype, element))));

  const unaryKinds = [
    'negative',
    'abs',
    'sign',
    'reciprocal',
    'square',
    'exp',
    'log',
    'sqrt',
    'tanh',
  ] satisfies UnaryKind[];
  it.each(unaryKinds)('%s', (kind) =>
    check(arrays(1, hostile), ([x]) => expectClose(run('unary', [x], { kind }, x)[0], spec.unary(kind, real(x)))),
  );

  it.each(['relu', 'sigmoid', 'silu', 'softplus', 'gelu', 'geluTanh'] as const)('%s', (name) =>
    // gelu: x(1 + erf)/2 against x erfc(−x/√2)/2 differ by 4 + 2 units of erf ≤ 1, times |x| ≤ 8 and 1/2; geluTanh rounds
    // its cubic in another order, 4 roundings in an argument |t| ≤ 25 where tanh' ≤ 1/cosh², and |t|/cosh² t < 1/2.
    check(arrays(1, moderate), ([x]) =>
      expectClose(run(name, [x], {}, x)[0], spec.unary(name, real(x)), () => (name.startsWith('gelu') ? 8 * 8 * u : 0)),
    ),
  );

  // 4 units in the last place, as declared, and 4 of the definition; one is at most 2u of the value
  it('erf', () =>
    check(arrays(1, moderate), ([x]) =>
      expectClose(run('unary', [x], { kind: 'erf' }, x)[0], spec.unary('erf', real(x)), (y) => 16 * u * Math.abs(y)),
    ));

  const arithmetic = [
    'add',
    'subtract',
    'multiply',
    'divide',
    'power',
    'maximum',
    'minimum',
  ] satisfies ArithmeticKind[];
  it.each(arithmetic)('%s', (kind) =>
    check(arrays(2, hostile), ([a, b]) =>
      expectClose(run('binary', [a, b], { kind }, a)[0], spec.binary(kind, real(a), real(b))),
    ),
  );

  const comparisons = ['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'] satisfies ComparisonKind[];
  it.each(comparisons)('%s', (kind) =>
    check(arrays(2, fc.oneof(small, hostile)), ([a, b]) =>
      expectClose(run('binary', [a, b], { kind }, { ...a, dtype: 'bool' })[0], spec.compare(kind, real(a), real(b))),
    ),
  );

  it('logic and select', () =>
    check(
      shapes(0, 4).chain((shape) => {
        const mask = viewOf(shape, 'bool', fc.integer({ min: 0, max: 1 }));
        return fc.tuple(mask, mask, viewOf(shape, 'int32', small), viewOf(shape, 'int32', small));
      }),
      ([p, q, a, b]) => {
        const [left, right] = [int(p), int(q)] as unknown as NdArray<Uint8Array>[];
        expectClose(run('binary', [p, q], { kind: 'logicalAnd' }, p)[0], spec.logicalAnd(left, right));
        expectClose(run('binary', [p, q], { kind: 'logicalOr' }, p)[0], spec.logicalOr(left, right));
        expectClose(run('unary', [p], { kind: 'logicalNot' }, p)[0], spec.logicalNot(left));
        expectClose(run('select', [p, a, b], {}, a)[0], spec.where(left, real(a), real(b)));
      },
    ));

  it('int32 wraps modulo 2³²', () => {
    const any = viewOf([4], 'int32', fc.oneof(fc.integer(), fc.constantFrom(-(2 ** 31), 2 ** 31 - 1)));
    const wrap = (x: bigint) => Number(BigInt.asIntN(32, x));
    check(fc.tuple(any, any), ([a, b]) => {
      const [x, y] = [run('copy', [a], {}, a)[0], run('copy', [b], {}, b)[0]];
      const pairs = Array.from(x, (value, i) => [BigInt(value), BigInt(y[i])] as const);
      const binary = (kind: ArithmeticKind) => [...run('binary', [a, b], { kind }, a)[0]];
      expect(binary('add')).toEqual(pairs.map(([p, q]) => wrap(p + q)));
      expect(binary('subtract')).toEqual(pairs.map(([p, q]) => wrap(p - q)));
      expect(binary('multiply')).toEqual(pairs.map(([p, q]) => wrap(p * q)));
      expect([...run('unary', [a], { kind: 'square' }, a)[0]]).toEqual(pairs.map(([p]) => wrap(p * p)));
      const total = pairs.reduce((sum, [p]) => sum + p, 0n);
      expect([...run('reduce', [a], { kind: 'sum', axes: [0] }, { shape: [], dtype: 'int32' })[0]]).toEqual([
        wrap(total),
      ]);
    });
  });
});

describe('reductions', () => {
  const cases = (element: fc.Arbitrary<number>) =>
    fc.tuple(shapes(1, 4), floats).chain(([shape, dtype]) =>
      fc.record({
        x: viewOf(shape, dtype, element),
        axes: fc.subarray(
          shape.map((_, axis) => axis),
          { minLength: 1 },
        ),
      }),
    );
  const reduced = (x: Spec, axes: readonly number[]): Spec => ({
    ...x,
    shape: x.shape.filter((_, axis) => !axes.includes(axis)),
  });

  it.each(['sum', 'max', 'min'] as const)('%s', (kind) =>
    check(cases(fc.oneof(small, small, fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY))), ({ x, axes }) =>
      expectClose(run('reduce', [x], { kind, axes }, reduced(x, axes))[0], spec[kind](real(x), axes)),
    ),
  );

  // Sums of small integers are exact, so only the division rounds, alike on both sides.
  it('mean', () =>
    check(cases(small), ({ x, axes }) =>
      expectClose(run('mean', [x], { axes }, reduced(x, axes))[0], spec.mean(real(x), axes)),
    ));

  // Σ of N ≤ 256 squares in some order, each rounded twice: γ_{N+3} on either side
  it('variance', () =>
    check(fc.tuple(cases(small), fc.integer({ min: 0, max: 1 })), ([{ x, axes }, correction]) =>
      expectClose(
        run('variance', [x], { axes, correction }, reduced(x, axes))[0],
        spec.variance(real(x), axes, { correction }),
        (y) => 2 * 259 * u * Math.abs(y),
      ),
    ));

  // A sum of N ≤ 256 exponentials is off by γ_{N+2}, absolute after the logarithm; log and the shift |m| ≤ 8 add 3 roundings.
  it('logSumExp', () =>
    check(cases(fc.oneof(moderate, fc.constant(Number.NEGATIVE_INFINITY))), ({ x, axes }) =>
      expectClose(
        run('logSumExp', [x], { axes }, reduced(x, axes))[0],
        spec.logSumExp(real(x), axes),
        () => 2 * (258 + 3 * 16) * u,
      ),
    ));

  it('argmax takes the first of equals, and NaN before all', () =>
    check(cases(fc.oneof(small, fc.constant(Number.NaN))), ({ x, axes: [axis] }) => {
      fc.pre(x.shape[axis] > 0);
      expectClose(
        run('argmax', [x], { axis }, { ...reduced(x, [axis]), dtype: 'int32' })[0],
        spec.argmax(real(x), axis),
      );
    }));

  it('of nothing give 0 and the extremes of the dtype', () => {
    const empty: Host = { buffer: new Int32Array(0), shape: [0], strides: [1], offset: 0, dtype: 'int32' };
    const of = (kind: string) => run('reduce', [empty], { kind, axes: [0] }, { shape: [], dtype: 'int32' })[0][0];
    expect([of('sum'), of('max'), of('min')]).toEqual([0, -(2 ** 31), 2 ** 31 - 1]);
  });
});

describe('contractions', () => {
  const factors = fc
    .tuple(
      floats,
      fc.array(fc.tuple(sizes, fc.constantFrom('both', 'left', 'right')), { maxLength: 2 }),
      sizes,
      sizes,
      sizes,
    )
    .chain(([dtype, batch, m, k, n]) => {
      const batchOf = (side: string) => batch.map(([size, repeated]) => (repeated === side ? 1 : size));
      const outer = batch.map(([size]) => size);
      return fc.record({
        a: viewOf([...batchOf('left'), m, k], dtype, small),
        b: viewOf([...batchOf('right'), k, n], dtype, small),
        output: fc.constant<Spec>({ shape: [...outer, m, n], dtype }),
        g: viewOf([...outer, m, n], dtype, small),
        v: viewOf([...outer, m, k], dtype, small),
      });
    });

  it('matmul, batched and broadcast', () =>
    check(factors, ({ a, b, output }) =>
      expectClose(run('matmul', [a, b], {}, output)[0], spec.matmul(real(a), real(b))),
    ));

  it('gram and orthogonalProject', () =>
    check(factors, ({ g, v, output }) => {
      const cols = output.shape.at(-1)!;
      const square = { ...output, shape: [...output.shape.slice(0, -2), cols, cols] };
      expectClose(run('gram', [g], {}, square)[0], spec.gram(real(g)));
      expectClose(run('orthogonalProject', [g, v], {}, output)[0], spec.orthogonalProject(real(g), real(v)));
    }));

  it('groupedMatmul and groupedOuter, experts without rows and rows without expert included', () => {
    const grouped = fc
      .record({
        dtype: floats,
        counts: fc.array(sizes, { maxLength: 4 }),
        ownerless: sizes,
        input: sizes,
        output: sizes,
      })
      .chain(({ dtype, counts, ownerless, input, output }) => {
        const ends = counts.reduce((list, count) => [...list, list.at(-1)! + count], [0]);
        const rows = ends.at(-1)! + ownerless;
        return fc.record({
          offsets: fc.constant<Host>({
            buffer: Int32Array.from(ends),
            shape: [ends.length],
            strides: [1],
            offset: 0,
            dtype: 'int32',
          }),
          x: viewOf([rows, input], dtype, small),
          w: viewOf([counts.length, input, output], dtype, small),
          g: viewOf([rows, output], dtype, small),
        });
      });
    check(grouped, ({ offsets, x, w, g }) => {
      expectClose(run('groupedMatmul', [x, w, offsets], {}, g)[0], spec.groupedMatmul(real(x), real(w), int(offsets)));
      expectClose(run('groupedOuter', [x, g, offsets], {}, w)[0], spec.groupedOuter(real(x), real(g), int(offsets)));
    });
  });

  it('sums real products within γ_K |A||B|', () => {
    const [m, k, n] = [7, 37, 9];
    const numbers = fc.double({ min: -1e6, max: 1e6, noNaN: true });
    check(fc.tuple(viewOf([m, k], 'float64', numbers), viewOf([k, n], 'float64', numbers)), ([a, b]) => {
      const [left, right] = [real(a), real(b)];
      const scale = spec.matmul(spec.abs(left), spec.abs(right));
      const gamma = (k * u) / (1 - k * u);
      const actual = run('matmul', [a, b], {}, { shape: [m, n], dtype: 'float64' })[0];
      const definition = spec.matmul(left, right);
      // The definition rounds as well, so two results lie within twice the bound of each other.
      for (let i = 0; i < actual.length; i++) {
        const place = [Math.floor(i / n), i % n] as const;
        expect(Math.abs(actual[i] - definition.get(...place))).toBeLessThanOrEqual(2 * gamma * scale.get(...place));
      }
    });
  });
});

describe('along an axis', () => {
  const along = (element: fc.Arbitrary<number>, dtypes = floats) =>
    fc
      .tuple(shapes(1), dtypes)
      .chain(([shape, dtype]) =>
        fc.record({ x: viewOf(shape, dtype, element), axis: fc.integer({ min: 0, max: shape.length - 1 }) }),
      );

  // Sums of N ≤ 4 exponentials: γ_{N+3} of a value ≤ 1, and for the logarithm 3 roundings of numbers ≤ 18 beside it.
  it('softmax and logSoftmax', () =>
    check(along(fc.oneof(moderate, fc.constant(Number.NEGATIVE_INFINITY))), ({ x, axis }) => {
      expectClose(run('softmax', [x], { axis }, x)[0], spec.softmax(real(x), axis), (y) => 2 * 7 * u * Math.abs(y));
      expectClose(run('logSoftmax', [x], { axis }, x)[0], spec.logSoftmax(real(x), axis), () => 2 * (7 + 3 * 32) * u);
    }));

  it('crossEntropy', () => {
    const rows = fc
      .tuple(sizes, fc.integer({ min: 1, max: 4 }), floats)
      .chain(([n, classes, dtype]) =>
        fc.tuple(viewOf([n, classes], dtype, moderate), viewOf([n], 'int32', fc.integer({ min: 0, max: classes - 1 }))),
      );
    check(rows, ([z, labels]) =>
      expectClose(
        run('crossEntropy', [z, labels], {}, { shape: labels.shape, dtype: z.dtype })[0],
        spec.crossEntropy(real(z), int(labels)),
        () => 2 * (7 + 3 * 32) * u,
      ),
    );
  });

  // Means of N ≤ 4 small integers are off by one rounding, alike on both sides; after it 8 roundings of w n and one of + b.
  it('layerNorm', () => {
    const cases = fc.tuple(shapes(1), floats).chain(([shape, dtype]) => {
      const parameter = viewOf([shape.at(-1)!], dtype, small);
      return fc.tuple(viewOf(shape, dtype, small), parameter, parameter);
    });
    check(cases, ([x, w, b]) =>
      expectClose(
        run('layerNorm', [x, w, b], { epsilon: 1e-5 }, x)[0],
        spec.layerNorm(real(x), real(w), real(b), 1e-5),
        (y) => 2 * 9 * u * (Math.abs(y) + 2 * 5),
      ),
    );
  });

  it('cumsum', () =>
    check(along(small), ({ x, axis }) => expectClose(run('cumsum', [x], { axis }, x)[0], spec.cumsum(real(x), axis))));

  const ties = fc.oneof(fc.integer({ min: -1, max: 1 }), fc.constantFrom(Number.NaN, -0, Number.POSITIVE_INFINITY));
  it('sort and topK keep the order of equals', () =>
    check(along(ties), ({ x }) => {
      const n = x.shape.at(-1)!;
      const [sorted, order] = run('sort', [x], {}, x, { ...x, dtype: 'int32' });
      const definition = spec.sort(real(x));
      expectClose(order, definition.order);
      expectClose(sorted, definition.values);
      for (let k = 1; k <= n; k++) {
        const shape = [...x.shape.slice(0, -1), k];
        const [values, indices] = run('topK', [x], { k }, { shape, dtype: x.dtype }, { shape, dtype: 'int32' });
        const largest = spec.topK(real(x), k);
        expectClose(indices, largest.indices);
        expectClose(values, largest.values);
      }
    }));

  it('topK of many, which sorts, agrees with topK of few, which inserts', () =>
    check(viewOf([2, 50], 'float32', ties), (x) => {
      const top = (k: number) => {
        const output: Spec = { shape: [2, k], dtype: 'float32' };
        return run('topK', [x], { k }, output, { ...output, dtype: 'int32' })[1];
      };
      const [few, many] = [top(32), top(33)];
      expect([...few]).toEqual([...many.subarray(0, 32), ...many.subarray(33, 65)]);
      expectClose(many, spec.topK(real(x), 33).indices);
    }));

  it('oneHot', () =>
    check(
      fc.tuple(
        shapes(0).chain((shape) => viewOf(shape, 'int32', small)),
        sizes,
      ),
      ([indices, depth]) =>
        expectClose(
          run('oneHot', [indices], { depth }, { shape: [...indices.shape, depth], dtype: 'float32' })[0],
          spec.oneHot(int(indices), depth),
        ),
    ));
});

describe('moving', () => {
  const anyDType = fc.constantFrom<DType>('float32', 'float64', 'int32');
  const withAxis = shapes(1).chain((shape) =>
    fc.tuple(fc.constant(shape), fc.integer({ min: 0, max: shape.length - 1 }), anyDType),
  );

  it('copy, fill and cast', () =>
    check(
      fc.tuple(shapes(0, 4), anyDType).chain(([shape, dtype]) => viewOf(shape, dtype, small)),
      (x) => {
        expectClose(run('copy', [x], {}, x)[0], real(x));
        for (const dtype of ['float32', 'float64', 'int32'] as const)
          expectClose(run('cast', [x], {}, { ...x, dtype })[0], real(x));
        const zero = spec.binary('subtract', real(x), real(x));
        expectClose(run('cast', [x], {}, { ...x, dtype: 'bool' })[0], spec.notEqual(real(x), zero));
        expectClose(run('fill', [], { value: 3 }, x)[0], spec.add(zero, ndarray(Float64Array.of(3), [])));
      },
    ));

  it('casts reals to int32 toward zero and NaN to 0, to bool as x ≠ 0', () => {
    const x: Host = {
      buffer: Float64Array.of(-1.9, 1.9, Number.NaN, 0, 0.1),
      shape: [5],
      strides: [1],
      offset: 0,
      dtype: 'float64',
    };
    expect([...run('cast', [x], {}, { ...x, dtype: 'int32' })[0]]).toEqual([-1, 1, 0, 0, 0]);
    expect([...run('cast', [x], {}, { ...x, dtype: 'bool' })[0]]).toEqual([1, 1, 1, 0, 1]);
  });

  it('gather and scatterAdd', () => {
    const cases = withAxis.chain(([shape, axis, dtype]) => {
      const index = fc.integer({ min: 0, max: Math.max(0, shape[axis] - 1) });
      return sizes.chain((size) => {
        const m = shape[axis] === 0 ? 0 : size;
        const updates = viewOf(shape.with(axis, m), dtype, small);
        return fc.record({
          axis: fc.constant(axis),
          x: viewOf(shape, dtype, small),
          indices: viewOf([m], 'int32', index),
          updates,
        });
      });
    });
    check(cases, ({ axis, x, indices, updates }) => {
      expectClose(run('gather', [x, indices], { axis }, updates)[0], spec.gather(real(x), int(indices), axis));
      expectClose(
        run('scatterAdd', [x, indices, updates], { axis }, x)[0],
        spec.scatterAdd(real(x), int(indices), real(updates), axis),
      );
    });
  });

  it('concat', () => {
    const cases = withAxis.chain(([shape, axis, dtype]) =>
      fc.tuple(
        fc.constant(axis),
        fc.array(
          sizes.chain((size) => viewOf(shape.with(axis, size), dtype, small)),
          { minLength: 1, maxLength: 3 },
        ),
      ),
    );
    check(cases, ([axis, parts]) => {
      const size = parts.reduce((sum, part) => sum + part.shape[axis], 0);
      expectClose(
        run('concat', parts, { axis }, { ...parts[0], shape: parts[0].shape.with(axis, size) })[0],
        spec.concat(parts.map(real), axis),
      );
    });
  });
});

describe('adamwStep', () => {
  it('is the step of the spec', () => {
    const cases = fc.tuple(shapes(0), floats).chain(([shape, dtype]) => {
      const any = viewOf(shape, dtype, moderate);
      return fc.tuple(any, any, any, viewOf(shape, dtype, fc.float({ min: 0, max: 8, noNaN: true })));
    });
    check(fc.tuple(cases, fc.integer({ min: 1, max: 100 })), ([[theta, g, m, v], time]) => {
      const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01 };
      const state = { first: real(m), second: real(v), steps: time - 1 };
      const definition = adamw(options).step(state, real(theta), real(g), 0.1);
      const [update, first, second] = run(
        'adamwStep',
        [theta, g, m, v],
        { ...options, learningRate: 0.1, time },
        theta,
        theta,
        theta,
      );
      // (1 − β₂) g² is multiplied in another order: 2 roundings, which the root and the quotient only shrink.
      expectClose(second, definition.state.second, (y) => 2 * u * y);
      expectClose(first, definition.state.first);
      expectClose(update, definition.update, (y) => 8 * u * (Math.abs(y) + 0.1 * 0.01 * 8));
    });
  });
});
