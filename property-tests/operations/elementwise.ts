import fc from 'fast-check';
import { type Any, array, type Bool, boolArray, type Int, intArray, type Real, toFlat } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { binaryBound, unaryBound } from '../../spec/rounding/functions.ts';
import type { ArithmeticKind, ComparisonKind, DType, LogicalKind, UnaryKind } from '../../src/backend.ts';
import { broadcastShapes, shapes } from '../arbitraries/shapes.ts';
import {
  awayFromZero,
  between,
  bools,
  distinctReals,
  type FloatType,
  halves,
  ints,
  moderate,
  positive,
  reals,
  realsOf,
  scaled,
} from '../arbitraries/values.ts';
import { type Call, call, type OperationCase, onInts } from './case.ts';

/** Elementwise operations: one table of domains for one input, one for two. */

type Activation = 'relu' | 'sigmoid' | 'silu' | 'softplus' | 'gelu' | 'geluTanh';
type FloatUnary = Exclude<UnaryKind, 'logicalNot'> | Activation;

const gradientShapes = { maxRank: 3, maxSize: 3 };

/** `forward`: where its values stay in the range of Float32. `gradient`: away from kinks and poles. */
interface Domain {
  readonly forward?: (dtype: FloatType) => fc.Arbitrary<number>;
  readonly gradient: fc.Arbitrary<number>;
  readonly smoothComposition?: boolean;
}

const anywhere = fc.oneof(halves(), between('float64', -3, 3));
const domains: { readonly [K in FloatUnary]: Domain } = {
  negative: { gradient: anywhere },
  abs: { gradient: awayFromZero(0.25) },
  sign: { gradient: awayFromZero(0.25) },
  reciprocal: { gradient: awayFromZero(0.5) },
  square: { gradient: anywhere },
  exp: { forward: (dtype) => fc.oneof(moderate(dtype), between(dtype, -80, 80)), gradient: anywhere },
  log: { gradient: between('float64', 0.25, 4) },
  sqrt: { gradient: between('float64', 0.25, 4) },
  tanh: { gradient: anywhere },
  erf: { gradient: anywhere },
  relu: { gradient: awayFromZero(0.25) },
  sigmoid: { gradient: anywhere },
  silu: { gradient: anywhere },
  // max(x, 0) + ln(1 + e^{−|x|}): two kinks at 0 that cancel
  softplus: { gradient: anywhere, smoothComposition: false },
  gelu: { gradient: anywhere },
  geluTanh: { gradient: anywhere },
};

const floatUnary = (name: FloatUnary, x: Real): Call =>
  call({
    attrs: '',
    inputs: { x },
    run: (_, { x }) => [x[name]()],
    exact: ({ x }) => [ops.unary(name, x)],
    bound: ({ x }, u, ulps) => [unaryBound(name, x, u, ulps)],
  });

const intUnary = (name: 'negative' | 'abs' | 'sign' | 'square', x: Int): Call =>
  call({
    attrs: '',
    inputs: { x },
    run: (_, { x }) => [x[name]()],
    exact: ({ x }) => [onInts((whole) => ops.unary(name, whole))(x)],
  });

const ofInts = (name: FloatUnary): name is 'negative' | 'abs' | 'sign' | 'square' =>
  name === 'negative' || name === 'abs' || name === 'sign' || name === 'square';

function unaryCase(name: FloatUnary): OperationCase {
  const { forward, gradient, smoothComposition } = domains[name];
  return {
    calls: (dtype) => {
      const floats = shapes()
        .chain((shape) => (forward ? realsOf(shape, forward(dtype)) : reals(shape, dtype)))
        .map((x) => floatUnary(name, x));
      if (!ofInts(name)) return floats;
      const whole = shapes()
        .chain((shape) => ints(shape))
        .map((x) => intUnary(name, x));
      return fc.oneof({ weight: 3, arbitrary: floats }, { weight: 1, arbitrary: whole });
    },
    gradients: {
      calls: shapes(gradientShapes)
        .chain((shape) => realsOf(shape, gradient))
        .map((x) => floatUnary(name, x)),
      inputs: ['x'],
      smooth: true,
      smoothComposition,
    },
  };
}

const logicalNot: OperationCase = {
  calls: () =>
    shapes()
      .chain((shape) => bools(shape))
      .map((x) =>
        call({
          attrs: '',
          inputs: { x },
          run: (_, { x }) => [x.logicalNot()],
          exact: ({ x }) => [ops.logicalNot(x)],
        }),
      ),
};

// Two operands

const pairs = (dtype: FloatType): fc.Arbitrary<{ a: Real; b: Real }> =>
  broadcastShapes(2).chain(([a, b]) => fc.record({ a: reals(a, dtype), b: reals(b, dtype) }));

/** Many equal elements, for comparisons and extremes. */
const tiedPairs = (dtype: FloatType): fc.Arbitrary<{ a: Real; b: Real }> =>
  broadcastShapes(2).chain(([a, b]) => {
    const element = fc.oneof({ weight: 3, arbitrary: halves() }, { weight: 1, arbitrary: scaled(dtype) });
    return fc.record({ a: realsOf(a, element), b: realsOf(b, element) });
  });

const intPairs = (): fc.Arbitrary<{ a: Int; b: Int }> =>
  broadcastShapes(2).chain(([a, b]) => fc.record({ a: ints(a), b: ints(b) }));

/** Bases ≥ 0 with any exponent, or of any sign with whole exponents; 100⁴ is far from overflow. */
const powerPairs = (dtype: FloatType): fc.Arbitrary<{ a: Real; b: Real }> =>
  broadcastShapes(2).chain(([a, b]) =>
    fc.oneof(
      fc.record({
        a: realsOf(a, fc.oneof(fc.constant(0), positive(dtype, 0.01, 100))),
        b: realsOf(b, fc.oneof(halves(), between(dtype, -4, 4))),
      }),
      fc.record({
        a: realsOf(a, moderate(dtype)),
        b: realsOf(b, fc.integer({ min: -3, max: 4 })),
      }),
    ),
  );

const arithmeticCall = (name: ArithmeticKind, inputs: { a: Real; b: Real }): Call =>
  call({
    attrs: '',
    inputs,
    run: (_, { a, b }) => [a[name](b)],
    exact: ({ a, b }) => [ops.binary(name, a, b)],
    bound: ({ a, b }, u, ulps) => [binaryBound(name, a, b, u, ulps)],
  });

const gradientPairs = (a: fc.Arbitrary<number>, b: fc.Arbitrary<number>) =>
  broadcastShapes(2, gradientShapes).chain(([left, right]) => fc.record({ a: realsOf(left, a), b: realsOf(right, b) }));
const smoothPairs = gradientPairs(anywhere, anywhere);
const untiedPairs = broadcastShapes(2, { maxRank: 2, maxSize: 3 })
  .chain((both) => distinctReals(both))
  .map(([a, b]) => ({ a, b }));

const arithmeticPairs: {
  readonly [K in ArithmeticKind]: {
    readonly forward: typeof pairs;
    readonly gradient: fc.Arbitrary<{ a: Real; b: Real }>;
  };
} = {
  add: { forward: pairs, gradient: smoothPairs },
  subtract: { forward: pairs, gradient: smoothPairs },
  multiply: { forward: pairs, gradient: smoothPairs },
  divide: { forward: pairs, gradient: gradientPairs(anywhere, awayFromZero(0.5)) },
  power: {
    forward: powerPairs,
    gradient: gradientPairs(between('float64', 0.25, 3), between('float64', -2, 2)),
  },
  maximum: { forward: tiedPairs, gradient: untiedPairs },
  minimum: { forward: tiedPairs, gradient: untiedPairs },
};

function arithmeticCase(name: ArithmeticKind): OperationCase {
  const { forward, gradient } = arithmeticPairs[name];
  return {
    calls: (dtype) => {
      const floats = forward(dtype).map((inputs) => arithmeticCall(name, inputs));
      if (name === 'divide' || name === 'power') return floats;
      const whole = intPairs().map((inputs) =>
        call({
          attrs: '',
          inputs,
          run: (_, { a, b }) => [a[name](b)],
          exact: ({ a, b }) => [onInts((left, right) => ops.binary(name, left, right))(a, b)],
        }),
      );
      // a number as the second operand takes the tensor's dtype
      const withNumber = fc.record({ a: shapes().chain((shape) => reals(shape, dtype)), c: halves() }).map(({ a, c }) =>
        call({
          attrs: `${name} ${c}`,
          inputs: { a },
          run: (_, { a }) => [a[name](c)],
          exact: ({ a }) => [ops.binary(name, a, array([c], []))],
          bound: ({ a }, u, ulps) => [binaryBound(name, a, array([c], []), u, ulps)],
        }),
      );
      return fc.oneof(
        { weight: 4, arbitrary: floats },
        { weight: 1, arbitrary: whole },
        { weight: 1, arbitrary: withNumber },
      );
    },
    gradients: { calls: gradient.map((inputs) => arithmeticCall(name, inputs)), inputs: ['a', 'b'], smooth: true },
  };
}

const comparisonCase = (name: ComparisonKind): OperationCase => ({
  calls: (dtype) =>
    fc.oneof(tiedPairs(dtype), intPairs()).map((inputs: { a: Any; b: Any }) =>
      call({
        attrs: '',
        inputs,
        run: (_, { a, b }) => [a[name](b)],
        exact: ({ a, b }) => [ops.compare(name, a, b)],
      }),
    ),
});

const logicalCase = (name: LogicalKind): OperationCase => ({
  calls: () =>
    broadcastShapes(2)
      .chain(([a, b]) => fc.record({ a: bools(a), b: bools(b) }))
      .map((inputs) =>
        call({
          attrs: '',
          inputs,
          run: (_, { a, b }) => [a[name](b)],
          exact: ({ a, b }) => [name === 'logicalAnd' ? ops.logicalAnd(a, b) : ops.logicalOr(a, b)],
        }),
      ),
});

// Selection and conversion

const selectCall = <A extends Any>(inputs: { condition: Bool; a: A; b: A }): Call =>
  call({
    attrs: '',
    inputs,
    run: (_, { condition, a, b }) => [condition.where(a, b)],
    exact: ({ condition, a, b }) => [ops.where(condition, a as Any, b as Any)],
  });

const select: OperationCase = {
  calls: (dtype) =>
    broadcastShapes(3).chain(([condition, a, b]) =>
      fc.oneof(
        fc.record({ condition: bools(condition), a: reals(a, dtype), b: reals(b, dtype) }).map(selectCall<Real>),
        fc.record({ condition: bools(condition), a: ints(a), b: ints(b) }).map(selectCall<Int>),
        fc.record({ condition: bools(condition), a: bools(a), b: bools(b) }).map(selectCall<Bool>),
      ),
    ),
  gradients: {
    calls: broadcastShapes(3, gradientShapes)
      .chain(([condition, a, b]) =>
        fc.record({ condition: bools(condition), a: realsOf(a, anywhere), b: realsOf(b, anywhere) }),
      )
      .map(selectCall<Real>),
    inputs: ['a', 'b'],
    smooth: true,
  },
};

/** To int32 toward zero, NaN and infinities to 0; to bool whether x ≠ 0 (true of NaN); to another precision rounded once. */
const converted: { readonly [K in DType]: (x: Any) => Any } = {
  float32: (x) => array(toFlat(x).map(Math.fround), x.shape),
  float64: (x) => array(toFlat(x), x.shape),
  int32: (x) =>
    intArray(
      toFlat(x).map((value) => (Number.isFinite(value) ? Math.trunc(value) + 0 : 0)),
      x.shape,
    ),
  bool: (x) =>
    boolArray(
      toFlat(x).map((value) => value !== 0),
      x.shape,
    ),
};

const castCall = (x: Any, dtype: DType): Call =>
  call({
    attrs: `to ${dtype}`,
    inputs: { x },
    run: (_, { x }) => [x.astype(dtype)],
    exact: ({ x }) => [converted[dtype](x)],
    ...(dtype === 'float32' || dtype === 'float64' ? { floats: dtype } : {}),
  });

const cast: OperationCase = {
  calls: (dtype) =>
    fc
      .tuple(
        shapes().chain((shape) => fc.oneof(reals(shape, dtype), ints(shape), bools(shape))),
        fc.constantFrom<DType>(dtype, 'int32', 'bool'),
      )
      .map(([x, to]) => castCall(x, to)),
};

/** Between the two float precisions; only where the backend holds both. */
export const castBetweenFloats = (from: FloatType): fc.Arbitrary<Call> =>
  shapes()
    .chain((shape) => realsOf(shape, scaled(from)))
    .map((x) => castCall(x, from === 'float32' ? 'float64' : 'float32'));

export const elementwise = {
  negative: unaryCase('negative'),
  abs: unaryCase('abs'),
  sign: unaryCase('sign'),
  reciprocal: unaryCase('reciprocal'),
  square: unaryCase('square'),
  exp: unaryCase('exp'),
  log: unaryCase('log'),
  sqrt: unaryCase('sqrt'),
  tanh: unaryCase('tanh'),
  erf: unaryCase('erf'),
  logicalNot,
  relu: unaryCase('relu'),
  sigmoid: unaryCase('sigmoid'),
  silu: unaryCase('silu'),
  softplus: unaryCase('softplus'),
  gelu: unaryCase('gelu'),
  geluTanh: unaryCase('geluTanh'),
  add: arithmeticCase('add'),
  subtract: arithmeticCase('subtract'),
  multiply: arithmeticCase('multiply'),
  divide: arithmeticCase('divide'),
  power: arithmeticCase('power'),
  maximum: arithmeticCase('maximum'),
  minimum: arithmeticCase('minimum'),
  equal: comparisonCase('equal'),
  notEqual: comparisonCase('notEqual'),
  less: comparisonCase('less'),
  lessEqual: comparisonCase('lessEqual'),
  greater: comparisonCase('greater'),
  greaterEqual: comparisonCase('greaterEqual'),
  logicalAnd: logicalCase('logicalAnd'),
  logicalOr: logicalCase('logicalOr'),
  select,
  cast,
};
