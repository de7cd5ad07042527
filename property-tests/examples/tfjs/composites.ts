import * as tf from '@tensorflow/tfjs-core';
import { type Declined, declined, type Kernels, type PrimitiveAttrs, type Spec } from 'omoe/backend';
import { toDType } from './primitives.ts';
import type { TfBuffer } from './storage.ts';

/** What TensorFlow.js has of its own beyond the primitives. What it lacks is composed by the core. */

type Composites = Omit<Kernels<TfBuffer>, keyof PrimitiveAttrs>;
type AttrsOf<K extends keyof Composites> = Parameters<NonNullable<Composites[K]>>[1];
type TfComposites = {
  readonly [K in keyof Composites]?: (
    inputs: readonly tf.Tensor[],
    attrs: AttrsOf<K>,
    outputs: readonly Spec[],
  ) => tf.Tensor[] | Declined;
};

const transposed = (x: tf.Tensor): tf.Tensor =>
  tf.transpose(x, [...x.shape.keys()].with(-2, x.rank - 1).with(-1, x.rank - 2));

const ofNothing = 'TensorFlow.js answers otherwise than IEEE 754 for a tensor without elements';

export const composites: TfComposites = {
  relu: ([x]) => [tf.relu(x)],
  sigmoid: ([x]) => [tf.sigmoid(x)],
  softplus: ([x]) => [tf.softplus(x)],
  // Finding empty: the mean of nothing is 0 to TensorFlow.js, and log Σ of nothing NaN.
  mean: ([x], { axes }) => (x.size > 0 ? [tf.mean(x, [...axes])] : declined(ofNothing)),
  variance([x], { axes, correction }) {
    if (x.size === 0) return declined(ofNothing);
    return correction === 0 ? [tf.moments(x, [...axes]).variance] : declined('tf.moments has no correction');
  },
  logSumExp: ([x], { axes }) => (x.size > 0 ? [tf.logSumExp(x, [...axes])] : declined(ofNothing)),
  argmax: ([x], { axis }) => [tf.argMax(x, axis)],
  matmul: ([a, b]) => [tf.matMul(a, b)], // [m, inner] · [inner, n] -> [m, n]
  // With an activation the core needs the sum before it too, which the fused product keeps to itself.
  linear: ([a, b, bias], { activation }) =>
    activation === 'none'
      ? [tf.fused.matMul({ a: a as tf.Tensor2D, b: b as tf.Tensor2D, bias })]
      : declined('tf.fused.matMul returns the activation without its argument'),
  softmax: ([x], { axis }) => (axis === x.rank - 1 ? [tf.softmax(x)] : declined('tf.softmax takes the last axis only')),
  logSoftmax: ([x], { axis }) =>
    axis === x.rank - 1 ? [tf.logSoftmax(x)] : declined('tf.logSoftmax takes the last axis only'),
  topK([x], { k }) {
    const { values, indices } = tf.topk(x, k);
    return [values, indices];
  },
  sort([x]) {
    if (x.dtype === 'int32') return declined('descending by −x, which int32 cannot hold for −2³¹');
    const { values, indices } = tf.topk(tf.neg(x), x.shape.at(-1)!); // ties to the lowest index: a stable order
    return [tf.neg(values), indices];
  },
  cumsum: ([x], { axis }) => [tf.cumsum(x, axis)],
  oneHot: ([indices], { depth }, [{ dtype }]) =>
    depth < 2 ? declined('tf.oneHot refuses a depth below 2') : [toDType(tf.oneHot(indices, depth), dtype)],
  concat: (inputs, { axis }) => [tf.concat([...inputs], axis)],
  gram: ([a]) => [tf.matMul(transposed(a), a)], // [col, row] · [row, col] -> [col, col]
  orthogonalProject: ([g, v], { side }) => [
    side === 'left'
      ? tf.sub(g, tf.matMul(v, tf.matMul(transposed(v), g))) // [row, rank] · [rank, col]
      : tf.sub(g, tf.matMul(tf.matMul(g, v), transposed(v))), // [row, rank] · [rank, col]
  ],
};
