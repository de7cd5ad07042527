import type { DType, HostArray } from '../../src/backend.ts';
import { DeviceError, DTypeError, OmoeError } from '../../src/errors.ts';
import { allocate } from '../../src/shape.ts';
import {
  type Cell,
  createLedger,
  disposed,
  type GpuBuffer,
  type Handle,
  type Interval,
  lost,
  type Value,
} from './buffer.ts';
import { type Check, createChecks } from './check.ts';
import { type GpuDevice, kernelSettings, type Mode } from './device.ts';
import type { Shortcut } from './library.ts';
import {
  argumentTypesOf,
  type Extent,
  functionsOf,
  lengthOf,
  type Program,
  prototypesOf,
  sourceOf,
} from './program.ts';
import { fetchText } from './texture.ts';
import { createUpload } from './upload.ts';

/**
 * Running kernels on buffers. In the modes of gpu.js that answer at once, a kernel runs when it is issued. On WebGPU every
 * call is a promise; there everything that is issued (kernels, reads, freeing) waits its turn in one queue, so that the
 * order is that of issuing everywhere.
 */
export interface Runtime {
  readonly mode: Mode;
  /** Elements of the largest buffer. */
  readonly elements: number;

  /**
   * A fresh buffer of `extent` elements, each what `program` returns for it; a program always gets extents of equally many
   * axes. Arguments come in the order of the program's parameters. Errors name `operation`. Nothing runs for no elements, and
   * no kernel meets an empty buffer.
   * @throws DeviceError beyond the limit of elements, where the kernel cannot be compiled, or when the device is lost
   */
  run(
    operation: string,
    program: Program,
    args: readonly (GpuBuffer | number)[],
    extent: Extent,
    dtype: DType,
  ): GpuBuffer;
  /** A buffer whose elements are all `value`; memory is taken only where a kernel needs it as a buffer. */
  constant(operation: string, value: number, length: number, dtype: DType): GpuBuffer;
  /**
   * What depends on data and is an error. `program` returns, for each of `length` elements, 0 where all is well and anything
   * else where not; the first such element is given to `complaint` with its place and its `value`.
   * Where memory is on the host the error is thrown here; elsewhere the next read or flush rejects with it.
   */
  check(check: Check): void;
  /**
   * Holds int32 results of arithmetic to the integers that are exact here: by their interval where that says it, else by a
   * check. Returns the buffer. For sums of several terms the interval has to hold every partial sum, and `beyond` makes the
   * marks that are searched: not 0 for each element that a partial sum beyond those integers led to.
   */
  requireExact(operation: string, buffer: GpuBuffer, beyond?: () => GpuBuffer): GpuBuffer;

  /** @throws DTypeError beyond the exact integers; DeviceError beyond the limit of elements */
  upload(data: HostArray, dtype: DType): GpuBuffer;
  read(buffer: GpuBuffer, offset: number, length: number): Promise<HostArray>;
  /** @throws OmoeError when the buffer was freed, or the backend disposed or lost */
  requireLive(operation: string, buffer: GpuBuffer): void;
  free(buffer: GpuBuffer): void;
  stats(): { readonly buffers: number; readonly bytes: number };
  flush(): Promise<void>;
  dispose(): Promise<void>;
}

/** Float32 holds each integer up to here: positions. */
export const exactInteger = 2 ** 24;
/**
 * int32 elements go up to here, one less: 2²⁴ + 1 is rounded to 2²⁴, so that a result of 2²⁴ may be a wrong one, while one
 * below it is right.
 */
export const largestInteger = exactInteger - 1;

const fillProgram: Program = { key: 'fill', parameters: { value: 'number' }, body: 'return value;' };
const sliceProgram: Program = {
  key: 'slice',
  parameters: { x: 'buffer', offset: 'integer' },
  body: 'return x[offset + this.thread.x];',
};
/** Not 0 where an integer is not exact. */
const inexactProgram: Program = {
  key: 'inexact',
  parameters: { x: 'buffer', limit: 'number' },
  body: 'if (Math.abs(x[this.thread.x]) > limit) { return 1; }\nreturn 0;',
};

const markedProgram: Program = { key: 'marked', parameters: { marks: 'buffer' }, body: 'return marks[this.thread.x];' };

const arrayOf = { float32: Float32Array, float64: Float64Array, int32: Int32Array, bool: Uint8Array } as const;

const nothing = (): void => {};
/** What gpu.js returns on webasm for more than one axis: rows that lie one after the other in memory of their own. */
type Rows = readonly (Float32Array | Rows)[];
function joined([first]: Rows, length: number): Float32Array {
  if (!(first instanceof Float32Array)) return joined(first, length);
  if (first.buffer.byteLength === 4 * length) return new Float32Array(first.buffer);
  throw new Error(`rows in a memory of ${first.buffer.byteLength} bytes came for ${length} elements`);
}

const isArray = (value: Value): value is Float32Array => value instanceof Float32Array;

export function createRuntime(device: GpuDevice): Runtime {
  const { mode, pending, gl } = device;
  const kernels = new Map<string, Shortcut>();
  let queue: Promise<void> = Promise.resolve();

  /** In its turn: at once, or after everything issued before. */
  const issue = (task: () => unknown): void => {
    // Every task keeps its own errors: none may stop the queue.
    if (pending) queue = queue.then(task).then(nothing, nothing);
    else task();
  };

  const release = (cell: Cell): void =>
    issue(() => {
      if (cell.value && !isArray(cell.value) && !device.isLost()) cell.value.delete();
      cell.value = null;
    });
  const ledger = createLedger(release);
  void device.lost.then(() => ledger.close(lost(device.name)));

  const requireDevice = (operation: string): void => {
    if (!ledger.closed && device.isLost()) ledger.close(lost(device.name));
    ledger.requireOpen(operation);
  };

  const requireSize = (operation: string, length: number): void => {
    if (length > device.elements)
      throw new DeviceError({
        operation,
        received: `a buffer of ${length} elements`,
        expected: `at most ${device.elements}, by the limit of ${device.name}: ${device.limitedBy}`,
        advice: 'Split the tensor.',
      });
  };

  const kernelFailed = (operation: string, key: string, cause: unknown): OmoeError => {
    if (cause instanceof OmoeError) return cause;
    if (device.isLost()) {
      ledger.close(lost(device.name));
      return lost(device.name)(operation);
    }
    return new DeviceError(
      {
        operation,
        received: `from the kernel ${key} on ${mode}: ${cause instanceof Error ? cause.message : String(cause)}`,
        expected: 'a kernel that compiles and runs there',
        advice: 'If the memory is not exhausted, this is a defect of the gpujs backend or of the driver.',
      },
      { cause },
    );
  };

  const compiled = (program: Program): Shortcut => {
    let kernel = kernels.get(program.key);
    if (!kernel) {
      kernel = device.gpu.createKernel(sourceOf(program), {
        ...kernelSettings,
        output: [1],
        functions: functionsOf(program),
        argumentTypes: argumentTypesOf(program, gl !== null),
        ...(gl ? { injectedNative: fetchText(mode === 'webgl2', program.near === true) + prototypesOf(program) } : {}),
      });
      kernels.set(program.key, kernel);
    }
    return kernel;
  };

  /** Calls gpu.js. The result belongs to nobody else: the kernel's own hold on its output is given up. */
  const launch = (program: Program, args: readonly unknown[], extent: Extent): Value | Promise<Value> => {
    const kernel = compiled(program);
    kernel.setOutput(typeof extent === 'number' ? [extent] : extent);
    // gpu.js skips a uniform that equals the one before, and takes 0 and −0 for equal.
    if (gl && args.includes(0)) kernel.kernel.uniform1fCache = {};
    const result = kernel(...args) as Value | Rows | Promise<Value>;
    if (Array.isArray(result)) return taken(kernel, joined(result, lengthOf(extent)));
    return pending ? (result as Promise<Value>).then((value) => taken(kernel, value)) : taken(kernel, result as Value);
  };
  const proven = new WeakSet<object>();
  const taken = (kernel: Shortcut, value: Value): Value => {
    const inner = kernel.kernel;
    if (!proven.has(inner)) {
      const ran = device.modeOf(kernel);
      if (ran !== mode) throw new Error(`gpu.js ran it on ${ran ?? 'something unknown'}`);
      proven.add(inner);
    }
    if (inner.texture) {
      inner.texture.delete();
      inner.texture = null;
    } else if (inner.outputBuffer) {
      if (--inner.outputBuffer._refs === 0) inner.outputBuffer.destroy();
      inner.outputBuffer = null;
      inner.bindGroupDirty = true;
    }
    return value;
  };
  // Where a texture is large, ask whether there was memory for it; that waits for the device, so small ones are not asked.
  const requireMemory = (length: number): void => {
    const fault = gl && length >= 2 ** 22 ? device.fault() : null;
    if (fault) throw new Error(`${fault} for ${length * device.bytesPerElement} bytes`);
  };

  const newCell = (length: number): Cell => ({ value: null, failure: null, bytes: length * device.bytesPerElement });

  /** The value of a cell in its turn. @throws what kept it from being made */
  const contentOf = (cell: Cell, operation: string): Value => {
    if (cell.failure) throw cell.failure;
    if (!cell.value) throw lost(device.name)(operation);
    return cell.value;
  };

  /** Runs a program into a fresh cell. */
  const runInto = (operation: string, program: Program, args: readonly (Cell | number)[], extent: Extent): Cell => {
    const length = lengthOf(extent);
    const cell = newCell(length);
    const values = () => args.map((arg) => (typeof arg === 'number' ? arg : contentOf(arg, operation)));
    if (!pending)
      try {
        cell.value = launch(program, values(), extent) as Value;
        requireMemory(length);
      } catch (cause) {
        throw kernelFailed(operation, program.key, cause);
      }
    else
      issue(async () => {
        try {
          cell.value = await launch(program, values(), extent);
        } catch (cause) {
          cell.failure = kernelFailed(operation, program.key, cause);
        }
      });
    return cell;
  };

  const upload = createUpload(device, runInto);
  const uploadInto = (operation: string, data: Float32Array): Cell => {
    const cell = newCell(data.length);
    if (!gl) cell.value = pending ? null : data;
    return gl || pending ? upload(operation, data) : cell;
  };

  /** The memory of a buffer; a constant gets some now. */
  const cellOf = (operation: string, buffer: GpuBuffer): Cell => {
    ledger.requireLive(buffer, operation);
    if (buffer.length === 0) return placeholder(operation);
    if (!buffer.cell) {
      requireSize(operation, buffer.length);
      ledger.fill(buffer, runInto(operation, fillProgram, [buffer.constant!], buffer.length));
    }
    return buffer.cell!;
  };
  // Stands for buffers without elements, which gpu.js cannot hold.
  let none: Cell | null = null;
  const placeholder = (operation: string): Cell => {
    none ??= runInto(operation, fillProgram, [0], 1);
    return none;
  };

  const run: Runtime['run'] = (operation, program, args, extent, dtype) => {
    const length = lengthOf(extent);
    requireDevice(operation);
    requireSize(operation, length);
    for (const arg of args) if (typeof arg !== 'number') ledger.requireLive(arg, operation);
    if (length === 0) return ledger.open(dtype, 0, newCell(0));
    const cells = args.map((arg) => (typeof arg === 'number' ? arg : cellOf(operation, arg)));
    return ledger.open(dtype, length, runInto(operation, program, cells, extent));
  };

  /** Issued now, so that it sees the buffer as it is now, whatever becomes of it afterwards. */
  const readFloats = (operation: string, cell: Cell, offset: number, length: number): Promise<Float32Array> => {
    // A small part of a large buffer is cut out on the device.
    const part = (pending || gl) && length * 2 * device.bytesPerElement <= cell.bytes;
    const source = part ? runInto(operation, sliceProgram, [cell, offset], length) : cell;
    const from = part ? 0 : offset;
    return new Promise((resolve, reject) => {
      issue(async () => {
        try {
          const value = contentOf(source, operation);
          const all = isArray(value) ? value : value.toArray();
          if (part) release(source);
          const floats = all instanceof Promise ? await all : all;
          if (device.isLost()) throw lost(device.name)(operation);
          // Memory that was not to be had gives zeros without a word, and everything computed from them.
          const fault = device.fault();
          if (fault) throw new Error(`${fault}, in a kernel or an upload before this read`);
          resolve(floats.subarray(from, from + length));
        } catch (cause) {
          reject(kernelFailed(operation, 'read', cause));
        }
      });
    });
  };

  const converted = (floats: Float32Array, dtype: DType): HostArray => {
    if (dtype === 'float32') return floats.slice();
    const host = allocate(dtype, floats.length);
    host.set(floats);
    // 2³¹ stands for "above all others", and would come round as the lowest.
    if (dtype === 'int32') for (let i = 0; i < host.length; i++) if (floats[i] >= 2 ** 31) host[i] = 2 ** 31 - 1;
    return host;
  };

  const checks = createChecks({ run: runInto, release, cellOf, readFloats });

  const runtime: Runtime = {
    mode,
    elements: device.elements,
    run,
    constant(operation, value, length, dtype) {
      requireDevice(operation);
      requireSize(operation, length);
      // Powers of two and their like are exact beyond 2²⁴ too: −2³¹ stands for "below all others".
      if (dtype === 'int32' && Math.fround(value) !== value) throw beyondIntegers(operation, String(value));
      const stored = dtype === 'bool' ? Number(value !== 0) : Math.fround(value);
      const buffer = ledger.open(dtype, length, null, stored);
      if (dtype === 'int32') buffer.interval = [stored, stored];
      return buffer;
    },
    check(check) {
      requireDevice(check.operation);
      checks.add(check, !pending && !gl);
    },
    requireExact(operation, buffer, beyond) {
      if (buffer.dtype !== 'int32' || buffer.length === 0) return buffer;
      const [low, high] = buffer.interval ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY];
      if (low >= -largestInteger && high <= largestInteger) return buffer;
      const what = beyond ? 'a partial sum of the result' : 'the result';
      const marks = beyond?.();
      try {
        runtime.check({
          operation,
          program: marks ? markedProgram : inexactProgram,
          args: marks ? [marks] : [buffer, largestInteger],
          length: buffer.length,
          values: { buffer, offset: 0, stride: 1 },
          complaint: (position, value) => beyondIntegers(operation, `${what} ${value} at position ${position}`),
        });
      } catch (error) {
        ledger.free(buffer);
        throw error;
      } finally {
        if (marks) ledger.free(marks);
      }
      buffer.interval = [Math.max(low, -largestInteger), Math.min(high, largestInteger)];
      return buffer;
    },
    upload(data, dtype) {
      requireDevice('upload');
      if (!(data instanceof arrayOf[dtype]))
        throw new DTypeError({
          operation: 'upload',
          received: `a ${(data as HostArray).constructor.name}`,
          expected: `an array for ${dtype}`,
        });
      requireSize('upload', data.length);
      const interval = dtype === 'int32' ? intervalOf(data) : null;
      if (interval) requireIntegers('upload', interval);
      const floats = data instanceof Float32Array ? data : Float32Array.from(data);
      const buffer = ledger.open(dtype, data.length, data.length === 0 ? newCell(0) : uploadInto('upload', floats));
      buffer.interval = interval;
      return buffer;
    },
    async read(buffer, offset, length) {
      requireDevice('read');
      ledger.requireLive(buffer, 'read');
      const flag = checks.settle();
      flag.catch(() => {}); // if what follows throws first, this one is nobody's
      if (length === 0 || (buffer.constant !== null && !buffer.cell)) {
        await flag;
        return length === 0
          ? allocate(buffer.dtype, 0)
          : converted(new Float32Array(length).fill(buffer.constant!), buffer.dtype);
      }
      const floats = readFloats('read', cellOf('read', buffer), offset, length);
      floats.catch(() => {}); // if the flag rejects first, this one is nobody's
      await flag;
      return converted(await floats, buffer.dtype);
    },
    requireLive(operation, buffer) {
      requireDevice(operation);
      ledger.requireLive(buffer, operation);
    },
    free: (buffer) => ledger.free(buffer),
    stats: ledger.stats,
    async flush() {
      requireDevice('flush');
      await checks.settle();
      // A read of the last thing in the queue returns when everything before it is done.
      const mark = runInto('flush', fillProgram, [0], 1);
      await readFloats('flush', mark, 0, 1).finally(() => release(mark));
    },
    async dispose() {
      if (ledger.closed && !device.isLost()) return;
      ledger.close(disposed);
      await queue;
      kernels.clear();
      await device.close();
    },
  };
  return runtime;
}

function intervalOf(data: HostArray): Interval {
  let [low, high] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    if (i === 0 || data[i] < low) low = data[i];
    if (i === 0 || data[i] > high) high = data[i];
  }
  return [low, high];
}

const beyondIntegers = (operation: string, received: string): DTypeError =>
  new DTypeError({
    operation,
    received: `${received} as int32`,
    expected: `whole numbers from ${-largestInteger} to ${largestInteger}, which is what this device holds exactly`,
    advice: 'Use smaller numbers, or another backend.',
  });

function requireIntegers(operation: string, [low, high]: Interval): void {
  for (const value of [low, high]) if (Math.abs(value) > largestInteger) throw beyondIntegers(operation, String(value));
}

export type { GpuBuffer, Handle };
