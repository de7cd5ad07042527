import type { ArithmeticKind, BinaryKind, PrimitiveAttrs, UnaryKind } from '../backend.ts';
import { DTypeError, ShapeError } from '../errors.ts';
import type { Op } from '../op.ts';
import { formatSpec, formatSpecs, isFloat, requireDType, requireFloat, requireOneDType, sameShape } from '../shape.ts';
import type { Tensor } from '../tensor.ts';

/** Elementwise operations, one table for one input and one for two. Each line holds the derivative of its function. */

type UnaryVjp = (g: Tensor, x: Tensor, y: Tensor) => Tensor | null;

const unaryTable: { readonly [K in UnaryKind]: UnaryVjp } = {
  negative: (g) => g.negative(),
  abs: (g, x) => g.multiply(x.sign()),
  sign: () => null, // constant away from 0
  reciprocal: (g, _, y) => g.multiply(y.square()).negative(), // (1/x)' = -1/x²
  square: (g, x) => g.multiply(x).multiply(2),
  exp: (g, _, y) => g.multiply(y),
  log: (g, x) => g.divide(x),
  sqrt: (g, _, y) => g.divide(y.multiply(2)),
  tanh: (g, _, y) => g.multiply(y.square().negative().add(1)), // 1 - tanh²
  erf: (g, x) => g.multiply(x.square().negative().exp()).multiply(2 / Math.sqrt(Math.PI)), // 2/√π e^{-x²}
  logicalNot: () => null,
};

export const unary: Op<PrimitiveAttrs['unary']> = {
  name: 'unary',
  method: ({ kind }) => kind,
  kind: 'primitive',
  infer([x], { kind }) {
    if (kind === 'logicalNot') requireDType(kind, 'input', x, 'bool');
    else if (!(x.dtype === 'int32' && (kind === 'negative' || kind === 'abs' || kind === 'sign' || kind === 'square')))
      requireFloat(kind, x);
    return [{ shape: x.shape, dtype: x.dtype }];
  },
  vjp: ({ inputs: [x], outputs: [y], gradients: [g], attrs }) => [unaryTable[attrs.kind](g, x, y)],
};

type BinaryVjp = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => readonly [Tensor, Tensor] | null;

/** Where a and b tie, each gets half of the gradient of their maximum or minimum. */
const splitTies = (
  g: Tensor,
  a: Tensor,
  b: Tensor,
  wins: (a: Tensor, b: Tensor) => Tensor,
): readonly [Tensor, Tensor] => {
  const half = a.equal(b).astype(g.dtype).multiply(0.5);
  return [g.multiply(wins(a, b).astype(g.dtype).add(half)), g.multiply(wins(b, a).astype(g.dtype).add(half))];
};

const arithmeticTable: { readonly [K in ArithmeticKind]: BinaryVjp } = {
  add: (g) => [g, g],
  subtract: (g) => [g, g.negative()],
  multiply: (g, a, b) => [g.multiply(b), g.multiply(a)],
  divide: (g, _, b, y) => [g.divide(b), g.multiply(y).divide(b).negative()],
  // d(a^b) = b a^{b-1} da + a^b ln(a) db; the second term is 0 where a = 0, as a^b is flat in b there for b > 0.
  power: (g, a, b, y) => [
    b.equal(0).where(0, g.multiply(b).multiply(a.power(b.subtract(1)))), // a⁰ = 1 is flat, at a = 0 too
    g.multiply(y).multiply(a.equal(0).where(1, a).log()),
  ],
  maximum: (g, a, b) => splitTies(g, a, b, (p, q) => p.greater(q)),
  minimum: (g, a, b) => splitTies(g, a, b, (p, q) => p.less(q)),
};

const arithmetic = (kind: BinaryKind): kind is ArithmeticKind => kind in arithmeticTable;
const logical = (kind: BinaryKind): boolean => kind === 'logicalAnd' || kind === 'logicalOr';

export const binary: Op<PrimitiveAttrs['binary']> = {
  name: 'binary',
  method: ({ kind }) => kind,
  kind: 'primitive',
  infer([a, b], { kind }) {
    if (!sameShape(a.shape, b.shape))
      throw new ShapeError({
        operation: kind,
        received: formatSpecs([a, b]),
        expected: 'operands broadcast to one shape',
      });
    requireOneDType(kind, [a, b]);
    if (logical(kind)) requireDType(kind, 'operands', a, 'bool');
    else if (arithmetic(kind)) {
      if (kind === 'divide' || kind === 'power') requireFloat(kind, a);
      else if (a.dtype === 'bool')
        throw new DTypeError({
          operation: kind,
          received: formatSpec(a),
          expected: 'numbers',
          advice: "Convert with .astype('float32').",
        });
    }
    return [{ shape: a.shape, dtype: arithmetic(kind) ? a.dtype : 'bool' }];
  },
  vjp: ({ inputs: [a, b], outputs: [y], gradients: [g], attrs: { kind } }) =>
    (arithmetic(kind) ? arithmeticTable[kind](g, a, b, y) : null) ?? [null, null],
};

export const select: Op<PrimitiveAttrs['select']> = {
  name: 'select',
  method: () => 'where',
  kind: 'primitive',
  infer([condition, a, b]) {
    requireDType('where', 'condition', condition, 'bool');
    requireOneDType('where', [a, b]);
    if (!sameShape(a.shape, b.shape) || !sameShape(condition.shape, a.shape))
      throw new ShapeError({
        operation: 'where',
        received: formatSpecs([condition, a, b]),
        expected: 'a condition and two operands, broadcast to one shape',
      });
    return [{ shape: a.shape, dtype: a.dtype }];
  },
  vjp: ({ inputs: [condition], gradients: [g] }) => [null, condition.where(g, 0), condition.where(0, g)],
};

export const cast: Op<PrimitiveAttrs['cast'] & { readonly dtype: import('../backend.ts').DType }> = {
  name: 'cast',
  method: () => 'astype',
  kind: 'primitive',
  infer: ([x], { dtype }) => [{ shape: x.shape, dtype }],
  vjp: ({ inputs: [x], gradients: [g] }) => [isFloat(x.dtype) && isFloat(g.dtype) ? g.astype(x.dtype) : null],
};
