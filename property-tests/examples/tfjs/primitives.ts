import * as tf from '@tensorflow/tfjs-core';
import { OmoeError } from 'omoe';
import type { BinaryKind, DType, PrimitiveAttrs, ReduceKind, Spec, UnaryKind } from 'omoe/backend';
import { tfType } from './storage.ts';

/** The nine primitives. Here a kernel is a function of tensors; strided views and buffers are added around it in index.ts. */
export type TfKernel<Attrs> = (inputs: readonly tf.Tensor[], attrs: Attrs, outputs: readonly Spec[]) => tf.Tensor[];

/**
 * Finding erf: tf.erf is off by up to 1.5e-7 absolutely, which near 0 is everything. Below 1 we sum the Maclaurin series
 * instead, 2/√π Σ (−1)ⁿ x^{2n+1} / (n! (2n+1)); the first term left out is below 1e-10. With u = 2⁻²⁴, Horner's roundings add
 * up to 3.6u beside a sum of at least 0.84, those of x² and of the last product to 1.5u of the value: 6 units in the last place.
 * From 1 on 1.5e-7 are 2.6 units.
 */
const maclaurin = Array.from({ length: 12 }, (_, n) => {
  let factorial = 1;
  for (let i = 2; i <= n; i++) factorial *= i;
  return ((2 / Math.sqrt(Math.PI)) * (n % 2 === 0 ? 1 : -1)) / (factorial * (2 * n + 1));
});
function erf(x: tf.Tensor): tf.Tensor {
  const small = tf.clipByValue(x, -1, 1);
  const square = tf.square(small);
  const sum = maclaurin.reduceRight<tf.Tensor>((rest, term) => tf.add(tf.mul(rest, square), term), tf.zerosLike(x));
  return tf.where(tf.less(tf.abs(x), 1), tf.mul(sum, small), tf.erf(x));
}

/** Finding int32: tf.abs and tf.square go through float32; maximum, sub and mul of int32 do not. */
const int32: Partial<Record<UnaryKind, (x: tf.Tensor) => tf.Tensor>> = {
  abs: (x) => tf.maximum(x, tf.neg(x)),
  square: (x) => multiplyInt32(x, x),
};

/** Finding int32: products are rounded to Float64 before they wrap. a·b = (a·high)·2¹⁶ + a·low keeps every bit. */
function multiplyInt32(a: tf.Tensor, b: tf.Tensor): tf.Tensor {
  const low = tf.bitwiseAnd(b, tf.fill(b.shape, 0xffff, 'int32'));
  const high = tf.floorDiv(tf.sub(b, low), tf.scalar(0x10000, 'int32'));
  return tf.add(tf.mul(tf.mul(a, high), tf.scalar(0x10000, 'int32')), tf.mul(a, low));
}

const unaryOf: Record<UnaryKind, (x: tf.Tensor) => tf.Tensor> = {
  negative: tf.neg,
  abs: tf.abs,
  sign: tf.sign,
  reciprocal: tf.reciprocal,
  square: tf.square,
  exp: tf.exp,
  log: tf.log,
  sqrt: tf.sqrt,
  tanh: tf.tanh,
  erf,
  logicalNot: tf.logicalNot,
};
const unary: TfKernel<PrimitiveAttrs['unary']> = ([x], { kind }) => [
  ((x.dtype === 'int32' ? int32[kind] : undefined) ?? unaryOf[kind])(x),
];

const binaryOf: Record<BinaryKind, (a: tf.Tensor, b: tf.Tensor) => tf.Tensor> = {
  add: tf.add,
  subtract: tf.sub,
  multiply: (a, b) => (a.dtype === 'int32' ? multiplyInt32(a, b) : tf.mul(a, b)),
  divide: tf.div,
  power: tf.pow,
  maximum: tf.maximum,
  minimum: tf.minimum,
  equal: tf.equal,
  notEqual: tf.notEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  logicalAnd: tf.logicalAnd,
  logicalOr: tf.logicalOr,
};
const binary: TfKernel<PrimitiveAttrs['binary']> = ([a, b], { kind }) => [binaryOf[kind](a, b)];

const select: TfKernel<object> = ([condition, a, b]) => [tf.where(condition, a, b)];

/** Finding empty: tf.max of nothing is NaN, or 0 for int32, where the contract says −∞ and −2³¹. */
const ofNothing = (kind: ReduceKind, dtype: string): number => {
  if (kind === 'sum') return 0;
  const [low, high] = dtype === 'int32' ? [-(2 ** 31), 2 ** 31 - 1] : [-Infinity, Infinity];
  return kind === 'max' ? low : high;
};
const reductionOf: Record<ReduceKind, (x: tf.Tensor, axes: number[]) => tf.Tensor> = {
  sum: tf.sum,
  max: tf.max,
  min: tf.min,
};
const reduce: TfKernel<PrimitiveAttrs['reduce']> = ([x], { kind, axes }, [{ shape, dtype }]) => [
  x.size === 0 ? tf.fill([...shape], ofNothing(kind, dtype), tfType(dtype)) : reductionOf[kind](x, [...axes]),
];

const copy: TfKernel<object> = ([x]) => [tf.clone(x)];

/** Data is on the host here, so a bad index is named at the call; tf.scatterND would name neither position nor operation. */
function requireIndices(operation: string, indices: tf.Tensor, size: number): void {
  indices.dataSync().forEach((index, position) => {
    if (index < 0 || index >= size)
      throw new OmoeError({
        operation,
        received: `index ${index} at position ${position}`,
        expected: `an index from 0 to ${size - 1}`,
      });
  });
}

const gather: TfKernel<PrimitiveAttrs['gather']> = ([x, indices], { axis }) => {
  requireIndices('gather', indices, x.shape[axis]);
  return [tf.gather(x, indices as tf.Tensor1D, axis)];
};

/** x + Σₘ of the updates at their indices, with `axis` brought to the front and back again. */
const scatterAdd: TfKernel<PrimitiveAttrs['scatterAdd']> = ([x, indices, updates], { axis }) => {
  requireIndices('scatterAdd', indices, x.shape[axis]);
  if (updates.size === 0) return [tf.clone(x)];
  const front = [axis, ...x.shape.keys()].filter((a, i) => i === 0 || a !== axis);
  const rows = tf.transpose(updates, front);
  const sums = tf.scatterND(tf.reshape(indices, [-1, 1]), rows, [x.shape[axis], ...rows.shape.slice(1)]);
  return [
    tf.add(
      x,
      tf.transpose(
        sums,
        [...front.keys()].map((a) => front.indexOf(a)),
      ),
    ),
  ];
};

const fill: TfKernel<PrimitiveAttrs['fill']> = (_, { value }, [{ shape, dtype }]) => [
  tf.fill([...shape], dtype === 'bool' ? Number(value !== 0) : value, tfType(dtype)),
];

/** Finding cast: what tf.cast made of integers still holds them as such; a product with 1 has the array of its dtype. */
export const toDType = (x: tf.Tensor, dtype: DType): tf.Tensor => {
  const result = tf.cast(x, tfType(dtype));
  return dtype === 'bool' || dtype === x.dtype ? result : tf.mul(result, tf.scalar(1, tfType(dtype)));
};
const cast: TfKernel<object> = ([x], _, [{ dtype }]) => [toDType(x, dtype)];

export const primitives: { readonly [K in keyof PrimitiveAttrs]: TfKernel<PrimitiveAttrs[K]> } = {
  unary,
  binary,
  select,
  reduce,
  copy,
  gather,
  scatterAdd,
  fill,
  cast,
};
