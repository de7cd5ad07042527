import { type CpuBackend, type CpuBuffer, cpu } from '../../backends/cpu/index.ts';
import type { Backend, HostArray, Spec, View } from '../../src/backend.ts';
import { type Engine, type EngineOptions, engine } from '../../src/engine.ts';
import type { Op } from '../../src/op.ts';
import type { Tensor } from '../../src/tensor.ts';
import type { FloatType } from '../arbitraries/values.ts';
import type { AnyBackend } from '../kit/subject.ts';
import type { OperationName } from '../operations/index.ts';

/** Engines with one thing wrong: a kernel of the cpu backend, or the record of an operation. */

/** A backend with something wrong in it, or engines on a right one with something wrong in them. */
export interface Faulty {
  create(): AnyBackend;
  make?(backend: Backend, options?: EngineOptions): Engine;
}

/** One deliberate fault. */
export interface Fault {
  readonly name: string;
  /** The operation whose laws have to catch it. */
  readonly operation?: OperationName;
  /** The laws that have to catch it, whichever others do too: by name, or without `: operation` where that is given. */
  readonly caughtBy: string | readonly string[];
  readonly dtype: FloatType;
  readonly on: Faulty;
}

export type Inputs = readonly View<CpuBuffer>[];
export type Kernels = CpuBackend['kernels'];

/** The cpu backend with some members replaced. */
export const withBackend = (change: (backend: CpuBackend) => Partial<CpuBackend>): Faulty => ({
  create() {
    const backend = cpu();
    return { ...backend, ...change(backend) };
  },
});

export const withKernels = (change: (kernels: Kernels, backend: CpuBackend) => Partial<Kernels>): Faulty =>
  withBackend((backend) => ({ kernels: { ...backend.kernels, ...change(backend.kernels, backend) } }));

/** Engines with some methods replaced. */
export const withEngine = (change: (t: Engine) => void): Faulty => ({
  create: cpu,
  make(backend, options) {
    const t = engine(backend, options);
    change(t);
    return t;
  },
});

/** The results of a kernel, before anybody else sees them. */
const dataOf = (result: ReturnType<NonNullable<Kernels['topK']>>): HostArray[] => {
  if ('declined' in result) throw new Error(result.declined);
  return result.map(({ data }) => data);
};
export const change = <R extends ReturnType<NonNullable<Kernels['topK']>>>(
  result: R,
  edit: (...data: HostArray[]) => void,
): R => {
  edit(...dataOf(result));
  return result;
};

export function rewrite(data: HostArray, f: (value: number, i: number) => number): void {
  for (let i = 0; i < data.length; i++) data[i] = f(data[i], i);
}

/** What a kernel sees where it takes every tensor for row-major. */
export const rowMajor = (x: View<CpuBuffer>): View<CpuBuffer> => {
  const strides = x.shape.map((_, axis) => x.shape.slice(axis + 1).reduce((product, size) => product * size, 1));
  return { ...x, strides };
};

/** Rows of the last axis of a contiguous result. */
export function eachRow(data: HostArray, { shape }: Spec, edit: (row: HostArray) => void): void {
  const width = shape.at(-1) ?? 1;
  for (let start = 0; width > 0 && start < data.length; start += width) edit(data.subarray(start, start + width));
}

/** A record changed on its way into the engine: what a wrong `vjp` in src/ops would be. */
export const withRecord = (name: string, edit: <A>(op: Op<A>) => Op<A>): Faulty =>
  withEngine((t) => {
    const run = t.run.bind(t);
    t.run = <A>(op: Op<A>, inputs: readonly Tensor[], attrs: A) => run(op.name === name ? edit(op) : op, inputs, attrs);
  });
