import type { DType, HostArray } from '../../src/backend.ts';
import { DeviceError, DTypeError, OmoeError } from '../../src/errors.ts';
import { createBlocks } from './memory.ts';

/** Buffers in one linear memory. */

export interface WasmBuffer {
  readonly dtype: DType;
  readonly length: number;
  /** Of the first element, in bytes. */
  readonly address: number;
  freed: boolean;
}

export const bytesOf: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int32: 4, bool: 1 };
const arrayOf = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array } as const;

export interface Storage {
  /** A fresh buffer; what it holds is undefined. @throws DeviceError when the memory is full; nothing has changed then */
  make(operation: string, dtype: DType, length: number): WasmBuffer;
  /** Bytes that no buffer owns, for the course of one kernel. @throws DeviceError */
  take(operation: string, bytes: number): number;
  give(address: number): void;
  upload(data: HostArray, dtype: DType): WasmBuffer;
  /** The elements as they lie in memory, until the next buffer is made. */
  view(buffer: WasmBuffer): HostArray;
  /** The memory as int32 words and as bytes, until the next buffer is made. */
  words(): Int32Array;
  /** @throws OmoeError naming `operation` when the buffer was freed; DeviceError when the backend is lost or disposed */
  requireLive(operation: string, buffer: WasmBuffer): void;
  free(buffer: WasmBuffer): void;
  stats(): { readonly buffers: number; readonly bytes: number };
  /** From now on every call throws what `reason` makes for its operation. */
  close(reason: (operation: string) => OmoeError): void;
  requireOpen(operation: string): void;
}

const page = 65536;
/** The first page is the kernels' own: constants of the compiled module. */
const heapStart = page;

/** @param limit bytes that the memory may grow to, in whole pages */
export function createStorage(memory: WebAssembly.Memory, limit: number): Storage {
  let closed: ((operation: string) => OmoeError) | null = null;
  let buffers = 0;
  let bytes = 0;

  // Growing in steps keeps the calls few: an eighth more than there is, at least a MiB, if the limit allows.
  const grow = (end: number): number | null => {
    if (end > limit) return null;
    const now = memory.buffer.byteLength;
    if (end <= now) return now;
    const generous = Math.min(limit, Math.max(end, now + Math.max(2 ** 20, now / 8)));
    for (const wanted of [generous, end])
      try {
        memory.grow(Math.ceil((wanted - now) / page));
        return memory.buffer.byteLength;
      } catch {
        // The engine has no more to give; the next, smaller wish may still be met.
      }
    return null;
  };
  const blocks = createBlocks(heapStart, grow);

  const take = (operation: string, size: number): number => {
    const address = blocks.take(size);
    if (address !== null) return address;
    throw new DeviceError({
      operation,
      received: `${size} bytes more, with ${bytes} in use`,
      expected: `at most ${limit} bytes in all, in one piece`,
      advice: 'Free what is done with (`using step = t.region()`), or use smaller batches. Nothing was changed.',
    });
  };

  const forget = (address: number, size: number): void => {
    if (closed) return;
    buffers--;
    bytes -= size;
    blocks.give(address);
  };
  // Buffers that nobody freed but the garbage collector took.
  const collected = new FinalizationRegistry<{ address: number; size: number }>(({ address, size }) =>
    forget(address, size),
  );
  const sizeOfBuffer = ({ dtype, length }: WasmBuffer): number => length * bytesOf[dtype];

  const requireOpen = (operation: string): void => {
    if (closed) throw closed(operation);
  };
  const make = (operation: string, dtype: DType, length: number): WasmBuffer => {
    requireOpen(operation);
    const size = length * bytesOf[dtype];
    const buffer = { dtype, length, address: take(operation, size), freed: false };
    buffers++;
    bytes += size;
    collected.register(buffer, { address: buffer.address, size }, buffer);
    return buffer;
  };
  const view = ({ dtype, address, length }: WasmBuffer): HostArray =>
    new arrayOf[dtype](memory.buffer as ArrayBuffer, address, length);

  return {
    make,
    take,
    give: blocks.give,
    upload(data, dtype) {
      if (!(data instanceof arrayOf[dtype]))
        throw new DTypeError({
          operation: 'upload',
          received: `a ${(data as HostArray).constructor.name}`,
          expected: `an array for ${dtype}`,
        });
      const buffer = make('upload', dtype, data.length);
      view(buffer).set(data);
      return buffer;
    },
    view,
    words: () => new Int32Array(memory.buffer as ArrayBuffer),
    requireLive(operation, buffer) {
      requireOpen(operation);
      if (buffer.freed)
        throw new OmoeError({
          operation,
          received: `a ${buffer.dtype} buffer that was freed`,
          expected: 'a live buffer',
          advice: 'Free a tensor, or the region it belongs to, only after its last use.',
        });
    },
    free(buffer) {
      if (buffer.freed) return;
      buffer.freed = true;
      collected.unregister(buffer);
      forget(buffer.address, sizeOfBuffer(buffer));
    },
    stats: () => ({ buffers, bytes }),
    close(reason) {
      closed ??= reason;
      buffers = 0;
      bytes = 0;
    },
    requireOpen,
  };
}
