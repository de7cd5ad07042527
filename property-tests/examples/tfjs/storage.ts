import * as tf from '@tensorflow/tfjs-core';
import { OmoeError } from 'omoe';
import type { DType, HostArray, View } from 'omoe/backend';

/** Buffers of the backend: flat tensors of TensorFlow.js, and the count of those alive. */

export interface TfBuffer {
  readonly tensor: tf.Tensor1D;
  freed: boolean;
}

const bytesPerElement = { float32: 4, int32: 4, bool: 1 } as const;
type TfType = keyof typeof bytesPerElement;
export const tfType = (dtype: DType): TfType => dtype as TfType; // the core refuses the dtypes that the backend does not list

const sizeOf = (shape: readonly number[]): number => shape.reduce((product, size) => product * size, 1);

export function createStorage() {
  let [buffers, bytes, disposed] = [0, 0, false];
  const forget = (size: number): void => {
    buffers--;
    bytes -= size;
  };
  // Tensors that nobody freed: TensorFlow.js holds their data in weak maps on the CPU, so only the count is missing.
  const collected = new FinalizationRegistry<number>(forget);
  const bytesOf = (tensor: tf.Tensor): number => tensor.size * bytesPerElement[tfType(tensor.dtype as DType)];

  const requireLive = (operation: string, what: string, dead: boolean): void => {
    if (dead || disposed)
      throw new OmoeError({
        operation,
        received: `${what} ${disposed ? 'of a disposed backend' : 'that was freed'}`,
        expected: 'a live one',
      });
  };

  return {
    requireLive,
    keep(tensor: tf.Tensor1D): TfBuffer {
      const buffer = { tensor: tf.keep(tensor), freed: false };
      buffers++;
      bytes += bytesOf(tensor);
      collected.register(buffer, bytesOf(tensor), buffer);
      return buffer;
    },
    free(buffer: TfBuffer): void {
      if (buffer.freed || disposed) return;
      forget(bytesOf(buffer.tensor));
      collected.unregister(buffer);
      buffer.freed = true;
      buffer.tensor.dispose();
    },
    async read({ tensor, freed }: TfBuffer, offset: number, length: number): Promise<HostArray> {
      requireLive('read', 'a buffer', freed);
      return (await tensor.data()).slice(offset, offset + length);
    },
    stats: () => ({ buffers, bytes }),
    dispose(): void {
      [buffers, bytes, disposed] = [0, 0, true];
    },
  };
}

/** True where the elements lie one after the other in row-major order (axes of size 1 do not matter). */
function rowMajor(axes: readonly { size: number; stride: number }[]): boolean {
  let expected = 1;
  for (const { size, stride } of axes.toReversed()) {
    if (size !== 1 && stride !== expected) return false;
    expected *= size;
  }
  return true;
}

/** Place in the buffer of each element of the view, in row-major order. */
function positions({ shape, strides, offset }: View): Int32Array {
  let places = [offset];
  shape.forEach((size, axis) => {
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * strides[axis]));
  });
  return Int32Array.from(places);
}

/**
 * A strided view as a tensor of its shape. TensorFlow.js has no strided views, so this is where the two models meet: a slice
 * where the elements lie together, a slice and a transposition where only the axes changed places, else a gather by position.
 */
export function toTensor(view: View<TfBuffer>): tf.Tensor {
  const { buffer, offset, dtype } = view;
  const [shape, size] = [[...view.shape], sizeOf(view.shape)];
  if (size === 0) return tf.tensor([], shape, tfType(dtype));
  const axes = shape.map((size, axis) => ({ axis, size, stride: view.strides[axis] }));
  if (rowMajor(axes)) return tf.reshape(tf.slice(buffer.tensor, offset, size), shape);
  const sorted = axes.toSorted((a, b) => b.stride - a.stride);
  if (!rowMajor(sorted)) return tf.reshape(tf.gather(buffer.tensor, tf.tensor1d(positions(view), 'int32')), shape);
  const stored = tf.reshape(
    tf.slice(buffer.tensor, offset, size),
    sorted.map((axis) => axis.size),
  );
  return tf.transpose(
    stored,
    axes.map(({ axis }) => sorted.findIndex((other) => other.axis === axis)),
  );
}
