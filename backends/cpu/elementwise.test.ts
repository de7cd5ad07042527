import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adamw } from '../../spec/method/adamw.ts';
import * as spec from '../../spec/ops/index.ts';
import type { ArithmeticKind, ComparisonKind, UnaryKind } from '../../src/backend.ts';
import {
  bool,
  check,
  expectClose,
  floats,
  hostile,
  moderate,
  real,
  run,
  shapes,
  small,
  u,
  viewOf,
} from './kernels.fixture.ts';

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
        const [left, right] = [bool(p), bool(q)];
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

describe('adamwStep', () => {
  it('is the step of the spec', () => {
    const cases = fc.tuple(shapes(0), floats).chain(([shape, dtype]) => {
      const any = viewOf(shape, dtype, moderate);
      return fc.tuple(any, any, any, viewOf(shape, dtype, fc.float({ min: 0, max: 8, noNaN: true })));
    });
    // As two parameters, which differ in their decay alone.
    check(fc.tuple(cases, fc.integer({ min: 1, max: 100 })), ([operands, time]) => {
      const options = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
      const weightDecays = [0.01, 0.5];
      const [theta] = operands;
      const results = run(
        'adamwStep',
        [...operands, ...operands],
        { ...options, weightDecays, learningRate: 0.1, time },
        ...Array.from({ length: 6 }, () => theta),
      );
      weightDecays.forEach((weightDecay, i) => {
        const [, g, m, v] = operands;
        const state = { first: real(m), second: real(v), steps: time - 1 };
        const definition = adamw({ ...options, weightDecay }).step(state, real(theta), real(g), 0.1);
        const [update, first, second] = results.slice(3 * i, 3 * i + 3);
        // (1 − β₂) g² is multiplied in another order: 2 roundings, which the root and the quotient only shrink.
        expectClose(second, definition.state.second, (y) => 2 * u * y);
        expectClose(first, definition.state.first);
        expectClose(update, definition.update, (y) => 8 * u * (Math.abs(y) + 0.1 * weightDecay * 8));
      });
    });
  });
});
