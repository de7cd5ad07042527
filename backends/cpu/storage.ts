import type { DType, HostArray } from '../../src/backend.ts';
import { DTypeError, OmoeError } from '../../src/errors.ts';
import { allocate } from '../../src/shape.ts';

/** Buffers of the CPU backend: a host array, and the count of those alive. */

export interface CpuBuffer {
  readonly dtype: DType;
  /** Emptied on `free`, so that the memory goes even where the buffer is still referred to. */
  data: HostArray;
  freed: boolean;
}

export interface Storage {
  /** Takes over the array; nobody writes to it afterwards. @throws DTypeError when the array is not one of `dtype` */
  keep(data: HostArray, dtype: DType): CpuBuffer;
  /** @throws OmoeError naming `operation` when the buffer was freed or the backend disposed */
  dataOf(buffer: CpuBuffer, operation: string): HostArray;
  free(buffer: CpuBuffer): void;
  stats(): { readonly buffers: number; readonly bytes: number };
  dispose(): void;
}

const arrayOf = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array } as const;

export function createStorage(): Storage {
  let buffers = 0;
  let bytes = 0;
  let disposed = false;
  const forget = (size: number): void => {
    if (disposed) return;
    buffers--;
    bytes -= size;
  };
  // Buffers that nobody freed but the garbage collector took.
  const collected = new FinalizationRegistry<number>(forget);

  return {
    keep(data, dtype) {
      if (!(data instanceof arrayOf[dtype]))
        throw new DTypeError({
          operation: 'upload',
          received: `a ${(data as HostArray).constructor.name}`,
          expected: `an array for ${dtype}`,
        });
      if (disposed)
        throw new OmoeError({
          operation: 'upload',
          received: 'an array for a disposed backend',
          expected: 'a live backend',
        });
      const buffer: CpuBuffer = { dtype, data, freed: false };
      buffers++;
      bytes += data.byteLength;
      collected.register(buffer, data.byteLength, buffer);
      return buffer;
    },
    dataOf(buffer, operation) {
      if (buffer.freed || disposed)
        throw new OmoeError({
          operation,
          received: `a ${buffer.dtype} buffer that was ${disposed ? 'disposed with its backend' : 'freed'}`,
          expected: 'a live buffer',
          advice: 'Free a tensor, or the region it belongs to, only after its last use.',
        });
      return buffer.data;
    },
    free(buffer) {
      if (buffer.freed) return;
      forget(buffer.data.byteLength);
      collected.unregister(buffer);
      buffer.freed = true;
      buffer.data = allocate(buffer.dtype, 0);
    },
    stats: () => ({ buffers, bytes }),
    dispose() {
      disposed = true;
      buffers = 0;
      bytes = 0;
    },
  };
}
