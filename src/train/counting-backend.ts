import type { Backend, DType, HostArray, Kernel } from '../backend.ts';
import { composites, primitives } from '../ops/index.ts';

/**
 * A backend that computes nothing and holds nothing: it only counts the bytes that a real one would hold. What runs on it runs
 * in full, tapes, regions and all, so that the memory of a model of any size is known exactly before there is any.
 */
export interface CountingBackend extends Backend<CountedBuffer> {
  /** The most bytes that were held at once since the last call. */
  takePeak(): number;
}

export interface CountedBuffer {
  readonly dtype: DType;
  readonly bytes: number;
  freed: boolean;
}

const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array } as const;

/** Every operation has a kernel, as on the WebAssembly backend: none is composed of others that would hold more. */
const names = [...Object.keys(primitives), ...Object.keys(composites)];

export function countingBackend(): CountingBackend {
  let [buffers, bytes, peak] = [0, 0, 0];
  const make = (dtype: DType, length: number): CountedBuffer => {
    const buffer = { dtype, bytes: length * arrays[dtype].BYTES_PER_ELEMENT, freed: false };
    buffers++;
    bytes += buffer.bytes;
    peak = Math.max(peak, bytes);
    return buffer;
  };
  const kernel: Kernel<CountedBuffer, unknown> = (_, __, outputs) =>
    outputs.map(({ shape, dtype }) =>
      make(
        dtype,
        shape.reduce((product, size) => product * size, 1),
      ),
    );
  return {
    name: 'counting',
    device: { mode: 'counting', name: 'nothing', threads: 1, notes: [] },
    dtypes: ['float32', 'float64', 'int32', 'bool'],
    limits: { elements: Number.MAX_SAFE_INTEGER, integer: 2 ** 31 - 1 },
    promises: { repeatable: true, specialValues: false },
    ulps: { exp: 0, log: 0, tanh: 0, erf: 0, power: 0, divide: 0, sqrt: 0 },
    upload: (data: HostArray, dtype) => make(dtype, data.length),
    read: async ({ dtype }, _, length) => new arrays[dtype](length),
    free(buffer) {
      if (buffer.freed) return;
      buffer.freed = true;
      buffers--;
      bytes -= buffer.bytes;
    },
    stats: () => ({ buffers, bytes }),
    flush: async () => {},
    dispose: () => {},
    kernels: Object.fromEntries(names.map((name) => [name, kernel])) as unknown as Backend<CountedBuffer>['kernels'],
    takePeak() {
      const most = peak;
      peak = bytes;
      return most;
    },
  };
}
