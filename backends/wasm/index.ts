import type { Backend, HostArray } from '../../src/backend.ts';
import { DeviceError, OmoeError, UsageError } from '../../src/errors.ts';
import { chooseSimd, compileKernels, instantiate, type Simd } from './module.ts';
import { createRuntime } from './runtime.ts';
import { createStorage, type WasmBuffer } from './storage.ts';
import { table } from './table.ts';
import { processors, startThreads, type Threads, whyNoThreads } from './threads.ts';

/**
 * The fast backend: kernels in AssemblyScript, compiled to WebAssembly SIMD, on one linear memory, over as many threads as
 * asked for. With plain SIMD the same calls give the same bits on every machine and for every number of threads; with
 * relaxed SIMD (fused multiply-add) for every number of threads on one kind of processor.
 */
export interface WasmBackend extends Backend<WasmBuffer> {
  readSync(buffer: WasmBuffer, offset: number, length: number): HostArray;
  /** Bytes of linear memory: what has ever been needed at once. It is not given back before `dispose`. */
  reserved(): number;
}

export type { Simd } from './module.ts';
export type { WasmBuffer } from './storage.ts';

export interface WasmOptions {
  /** `relaxed`: fused multiply-add, faster; `plain`: the same bits everywhere. `auto`, the default: relaxed where it is to be had. */
  readonly simd?: Simd | 'auto';
  /** How many, the caller's own included. Default: the processors, at most 8; one where memory cannot be shared. */
  readonly threads?: number;
  /** Bytes that the memory may grow to, at most 4 GiB, the default. */
  readonly memory?: number;
  /**
   * Milliseconds without any chunk being finished after which a thread counts as dead; a chunk is some ten microseconds of work
   * as a rule, and seconds at most. Default 30,000.
   */
  readonly patience?: number;
  /** Work items that a thread takes at once, at most; for tests, where everything is small. Default: as each kernel sees fit. */
  readonly largestChunk?: number;
}

const most = 2 ** 32 - 65536;
const mostThreads = 8;

function requireOptions({ threads, memory, patience, largestChunk }: WasmOptions): void {
  const refuse = (received: string, expected: string): never => {
    throw new UsageError({ operation: 'wasm', received, expected });
  };
  if (threads !== undefined && !(Number.isInteger(threads) && threads >= 1 && threads <= 64))
    refuse(`threads ${threads}`, 'an integer from 1 to 64');
  if (memory !== undefined && !(memory >= 2 ** 20 && memory <= 2 ** 32))
    refuse(`memory ${memory}`, 'bytes from 2^20 to 2^32');
  if (patience !== undefined && !(patience > 0)) refuse(`patience ${patience}`, 'milliseconds > 0');
  if (largestChunk !== undefined && !(Number.isInteger(largestChunk) && largestChunk >= 1))
    refuse(`largestChunk ${largestChunk}`, 'an integer ≥ 1');
}

/** @throws DeviceError where threads were asked for and memory cannot be shared: fewer are never taken in silence */
function chooseThreads(wanted: number | undefined): { readonly count: number; readonly notes: readonly string[] } {
  const obstacle = whyNoThreads();
  if (wanted === undefined)
    return obstacle === null
      ? { count: Math.min(processors(), mostThreads), notes: [] }
      : { count: 1, notes: [`one thread: ${obstacle}`] };
  if (wanted > 1 && obstacle !== null)
    throw new DeviceError({
      operation: 'wasm',
      received: `threads ${wanted}, with ${obstacle}`,
      expected: 'memory that threads can share',
      advice: 'Ask for threads: 1, or for none.',
    });
  return { count: wanted, notes: [] };
}

function createMemory(shared: boolean, bytes: number): WebAssembly.Memory {
  try {
    return new WebAssembly.Memory({ initial: 2, maximum: bytes / 65536, shared });
  } catch (cause) {
    throw new DeviceError(
      {
        operation: 'wasm',
        received: `no room for a memory of up to ${bytes} bytes`,
        expected: 'address space for it',
        advice: 'Dispose of backends that are not used any more.',
      },
      { cause },
    );
  }
}

const disposed = (operation: string): OmoeError =>
  new OmoeError({ operation, received: 'a backend that was disposed', expected: 'a live backend' });

/**
 * @throws UsageError for options out of range; DeviceError where there is no WebAssembly SIMD, where relaxed SIMD or threads
 *   were asked for and cannot be had, or when a thread does not start
 */
export async function wasm(options: WasmOptions = {}): Promise<WasmBackend> {
  requireOptions(options);
  const { memory: wanted = most, patience = 30_000, largestChunk = Number.POSITIVE_INFINITY } = options;
  const limit = Math.min(wanted, most) - (Math.min(wanted, most) % 65536);
  const simd = chooseSimd(options.simd ?? 'auto');
  const { count, notes } = chooseThreads(options.threads);
  const kernels = await compileKernels(simd, count > 1);
  const memory = createMemory(count > 1, limit);
  const exports = instantiate(kernels, memory);
  const storage = createStorage(memory, limit);
  const functions = Object.values(exports) as ((...args: number[]) => void)[];
  const threads: Threads | null =
    count > 1 ? await startThreads(kernels, memory, { count, patience, kernels: functions }) : null;

  const readSync = (buffer: WasmBuffer, offset: number, length: number): HostArray => {
    storage.requireLive('read', buffer);
    return storage.view(buffer).slice(offset, offset + length);
  };
  return {
    name: 'wasm',
    device: {
      mode: simd,
      name: `WebAssembly SIMD${simd === 'relaxed' ? ' with fused multiply-add' : ''}`,
      threads: count,
      notes,
    },
    dtypes: ['float32', 'float64', 'int32', 'bool'],
    limits: { elements: 2 ** 31 - 1, integer: 2 ** 31 - 1 },
    promises: { repeatable: true, specialValues: true },
    // Units in the last place, above the worst of Float32 and Float64 over 50,000 arguments and more of each, against 160-bit
    // arithmetic: exp 0.99 and 0.51, log 0.83 and 0.52, tanh 1.3 and 2.06, erf 1.36 and 1.23, power 0.62 and 0.51. Both builds
    // compute them alike.
    ulps: { exp: 1.1, log: 1, tanh: 2.5, erf: 1.5, power: 1, divide: 0.5, sqrt: 0.5 },
    upload: storage.upload,
    read: async (buffer, offset, length) => readSync(buffer, offset, length),
    readSync,
    free: storage.free,
    stats: storage.stats,
    reserved: () => memory.buffer.byteLength,
    flush: async () => {
      storage.requireOpen('flush');
    },
    async dispose() {
      storage.close(disposed);
      await threads?.stop();
    },
    kernels: table(createRuntime({ exports, storage, threads, largestChunk })),
  };
}
