import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import { DeviceError } from 'omoe';
import type { Backend, Declined, Kernels, Spec, View } from 'omoe/backend';
import { composites } from './composites.ts';
import { primitives } from './primitives.ts';
import { createStorage, type TfBuffer, tfType, toTensor } from './storage.ts';

/** An omoe backend over TensorFlow.js, on its plain JavaScript device. */

type OnTensors = (inputs: readonly tf.Tensor[], attrs: never, outputs: readonly Spec[]) => tf.Tensor[] | Declined;

export async function tfjs(): Promise<Backend<TfBuffer>> {
  await tf.setBackend('cpu');
  await tf.ready();
  const storage = createStorage();

  /** Finding global: the device belongs to the whole program, so every call asks whether it is still the one we chose. */
  const requireDevice = (operation: string): void => {
    if (tf.getBackend() !== 'cpu')
      throw new DeviceError({
        operation,
        received: `the device ${tf.getBackend()}, set by another part of the program`,
        expected: 'cpu',
        advice: "Call tf.setBackend('cpu') before going on.",
      });
  };

  /** A kernel on tensors as a kernel on strided views of buffers. tf.tidy frees what it made on the way. */
  const onBuffers =
    (name: string, kernel: OnTensors) =>
    (inputs: readonly View<TfBuffer>[], attrs: object, outputs: readonly Spec[]) => {
      const operation = 'kind' in attrs ? String(attrs.kind) : name;
      requireDevice(operation);
      for (const { buffer } of inputs) storage.requireLive(operation, 'a buffer', buffer.freed);
      let refused: Declined | undefined;
      const results = tf.tidy(() => {
        const result = kernel(inputs.map(toTensor), attrs as never, outputs);
        if (Array.isArray(result)) return result.map((x) => tf.keep(tf.reshape(x, [x.size])) as tf.Tensor1D);
        refused = result;
        return [];
      });
      return refused ?? results.map(storage.keep);
    };

  const kernels = Object.fromEntries(
    Object.entries({ ...primitives, ...composites }).map(([name, kernel]) => [
      name,
      onBuffers(name, kernel as OnTensors),
    ]),
  ) as unknown as Kernels<TfBuffer>;

  return {
    name: 'tfjs',
    device: { mode: tf.getBackend(), name: `TensorFlow.js ${tf.version_core}`, threads: 1, notes: [] },
    dtypes: ['float32', 'int32', 'bool'],
    limits: { elements: 2 ** 31 - 1, integer: 2 ** 31 - 1 },
    // Findings sign, nan and empty: tf.sign(NaN) is 0, and to tf.topk and tf.argMax a NaN is no number at all.
    promises: { repeatable: true, specialValues: false },
    // Its kernels call Math in Float64 and round once. erf: see primitives.ts.
    ulps: { exp: 1, log: 1, tanh: 1, erf: 6, power: 1, divide: 0.5, sqrt: 0.5 },
    upload(data, dtype) {
      requireDevice('upload');
      storage.requireLive('upload', 'an array', false);
      return storage.keep(tf.tensor1d(data as Float32Array, tfType(dtype)));
    },
    read: storage.read,
    free: storage.free,
    stats: storage.stats,
    flush: async () => {}, // on this device a call is done when it returns
    dispose: storage.dispose,
    kernels,
  };
}
