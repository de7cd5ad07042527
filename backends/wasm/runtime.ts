import type { Kernel, Spec, View } from '../../src/backend.ts';
import { DeviceError } from '../../src/errors.ts';
import { contiguousStrides, isContiguous, sizeOf } from '../../src/shape.ts';
import { copyInto } from './copy.ts';
import type { Exports } from './generated/exports.ts';
import { bytesOf, type Storage, type WasmBuffer } from './storage.ts';
import { LostThreads, type Threads } from './threads.ts';

/** From views to calls of the compiled kernels: addresses, temporary memory, and the choice of threads. */

export type WasmView = View<WasmBuffer>;

/** The arguments of a compiled kernel but for the range at its end. */
type LeadingArguments<F> = F extends (...args: [...infer Leading, first: number, last: number]) => void
  ? Leading
  : never;

export interface Runtime {
  /** The compiled kernels, for calls that are not cut over threads. */
  readonly exports: Exports;
  /** Threads that may run a kernel at once; scratch memory of a kernel is one piece for each. */
  readonly threads: number;
  /**
   * Runs a kernel on the work items [0, items). With several threads, and more than `grain` items, in chunks of `grain`:
   * choose it so that a chunk is worth some ten microseconds.
   */
  run<K extends keyof Exports>(name: K, items: number, grain: number, ...args: LeadingArguments<Exports[K]>): void;
  /** A fresh buffer for the spec, row-major; what it holds is undefined. Freed if the kernel throws. */
  output(spec: Spec): WasmBuffer;
  /** Of the view's first element, in bytes. */
  address(view: WasmView): number;
  /** The view itself where it is row-major, else a copy that goes with the kernel. */
  contiguous(view: WasmView): WasmView;
  /** A fresh row-major view that goes with the kernel. */
  temporary(spec: Spec): WasmView;
  /** Bytes that go with the kernel; what they hold is undefined. */
  scratch(bytes: number): number;
  /** int32 numbers where kernels read them: they go with the kernel. */
  table(numbers: readonly number[]): number;
  /** The elements of a row-major int32 view, until the next call that takes memory. */
  integers(view: WasmView): Int32Array;
}

/** What a kernel of this backend is written as: the contract's, given the runtime. */
export type WasmKernel<Attrs> = (
  runtime: Runtime,
  ...call: Parameters<Kernel<WasmBuffer, Attrs>>
) => readonly WasmBuffer[];

/** A kernel as the contract has it, on live buffers, with all temporary memory given back at its end. */
export type Bind = <Attrs>(
  name: string,
  kernel: WasmKernel<Attrs>,
) => (...call: Parameters<Kernel<WasmBuffer, Attrs>>) => readonly WasmBuffer[];

export interface RuntimeOptions {
  readonly exports: Exports;
  readonly storage: Storage;
  /** null: the host's own thread alone. */
  readonly threads: Threads | null;
  /** Items of a chunk at most, whatever a kernel asks for. */
  readonly largestChunk: number;
}

export function createRuntime({ exports, storage, threads, largestChunk }: RuntimeOptions): Bind {
  const kernelNumbers = new Map(Object.keys(exports).map((name, number) => [name, number]));
  let operation = '';
  let temporaries: number[] = [];
  let outputs: WasmBuffer[] = [];

  const scratch = (bytes: number): number => {
    const address = storage.take(operation, bytes);
    temporaries.push(address);
    return address;
  };
  const address = ({ buffer, offset, dtype }: WasmView): number => buffer.address + offset * bytesOf[dtype];

  const runtime: Runtime = {
    exports,
    threads: threads?.count ?? 1,
    run(name, items, grain, ...args) {
      if (items === 0) return;
      const chunk = Math.min(grain, largestChunk);
      if (threads !== null && items > chunk) threads.run(operation, kernelNumbers.get(name)!, items, chunk, args);
      else (exports[name] as (...args: number[]) => void)(...args, 0, items);
    },
    output({ dtype, shape }) {
      const buffer = storage.make(operation, dtype, sizeOf(shape));
      outputs.push(buffer);
      return buffer;
    },
    address,
    contiguous(view) {
      if (isContiguous(view)) return view;
      const copy = runtime.temporary(view);
      copyInto(runtime, view, address(copy));
      return copy;
    },
    temporary({ dtype, shape }) {
      const length = sizeOf(shape);
      const buffer = { dtype, length, address: scratch(length * bytesOf[dtype]), freed: false };
      return { buffer, shape, dtype, strides: contiguousStrides(shape), offset: 0 };
    },
    scratch,
    table(numbers) {
      const at = scratch(4 * numbers.length);
      storage.words().set(numbers, at / 4);
      return at;
    },
    integers: (view) => {
      const from = address(view) / 4;
      return storage.words().subarray(from, from + sizeOf(view.shape));
    },
  };

  /** What ends the backend: threads that failed, and traps, which leave memory in an unknown state. null: neither. */
  const lossBy = (error: unknown): DeviceError | null => {
    if (error instanceof LostThreads) return error;
    if (!(error instanceof WebAssembly.RuntimeError)) return null;
    return new DeviceError(
      {
        operation,
        received: `a trap: ${error.message}`,
        expected: 'a kernel that ends',
        advice: 'The backend is lost: make a new one. This is a fault of omoe; please report it.',
      },
      { cause: error },
    );
  };

  /** Every later call names itself, and the first failure as the reason. */
  const lose = (first: DeviceError): void => {
    const received = `a backend that was lost in ${first.complaint.operation} (${first.complaint.received})`;
    storage.close(
      (name) =>
        new DeviceError(
          { ...first.complaint, operation: name, received, expected: 'a live backend' },
          { cause: first },
        ),
    );
  };

  return (name, kernel) => (inputs, attrs, specs) => {
    // `unary`, `binary` and `reduce` are better known by their kind: exp, add, sum.
    operation = typeof attrs === 'object' && attrs !== null && 'kind' in attrs ? String(attrs.kind) : name;
    storage.requireOpen(operation);
    for (const { buffer } of inputs) storage.requireLive(operation, buffer);
    try {
      return kernel(runtime, inputs, attrs, specs);
    } catch (error) {
      for (const buffer of outputs) storage.free(buffer);
      const loss = lossBy(error);
      if (loss) lose(loss);
      throw loss ?? error;
    } finally {
      for (const taken of temporaries) storage.give(taken);
      temporaries = [];
      outputs = [];
    }
  };
}
