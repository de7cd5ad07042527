import { loadLibrary } from '../backends/gpujs/library.ts';

/**
 * The same operations as kernels that somebody would write who uses gpu.js directly: one line of mathematics a thread, nested
 * indices, inputs uploaded beforehand, outputs left on the device. What omoe adds is the difference to these.
 */

/** What gpu.js returns with `pipeline`: a texture, a buffer's handle, or nested arrays. */
interface Result {
  toArray?(): unknown;
  delete?(): void;
}
type Kernel = ((...inputs: unknown[]) => Result | Promise<Result>) & {
  readonly kernel: { constructor: { name: string } };
};
type Matrix = readonly [data: Float32Array, shape: readonly number[]];

export interface Bare {
  kernel(source: string, shape: readonly number[], constants?: Readonly<Record<string, number>>): Kernel;
  upload(matrix: Matrix): Promise<Result>;
  /** Resolves when all that was issued is done: a read of something small that was issued last. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

export interface BareWork {
  /** What the case's outputs are to be compared with; null where only a part of it is done. */
  readonly shapes: readonly (readonly number[])[] | null;
  /** Issues the work and returns its last result. */
  run(): Promise<Result>;
}

const flatten = (x: unknown): number[] =>
  x instanceof Float32Array ? Array.from(x) : Array.isArray(x) ? x.flatMap(flatten) : [x as number];

export const readBare = async (x: Result): Promise<number[]> => flatten(x.toArray ? await x.toArray() : x);
export const releaseBare = (x: Result): void => x.delete?.();

export async function openBare(mode: string): Promise<Bare> {
  const { GPU } = await loadLibrary(undefined);
  const gpu = new GPU({ mode });
  const settings = {
    ...{ pipeline: true, immutable: true, precision: 'single', tactic: 'precision' },
    // gpu.js cuts loops without a word, and divides whole numbers as such, unless told otherwise.
    ...{ loopMaxIterations: 2 ** 30, fixIntegerDivisionAccuracy: false },
  };
  const kernel: Bare['kernel'] = (source, shape, constants = {}) =>
    // gpu.js names sizes from the innermost out.
    gpu.createKernel(
      source as never,
      { ...settings, output: shape.toReversed(), constants } as never,
    ) as unknown as Kernel;
  const one = kernel('function(x) { return x + 1; }', [1]);
  return {
    kernel,
    upload: async ([data, shape]) => kernel(`function(x) { return x${at(shape.length)}; }`, shape)(nested(data, shape)),
    async flush() {
      const mark = await one(1);
      await readBare(mark);
      releaseBare(mark);
    },
    close: () => gpu.destroy(),
  };
}

const at = (rank: number): string =>
  ['z', 'y', 'x']
    .slice(3 - rank)
    .map((axis) => `[this.thread.${axis}]`)
    .join('');

function nested(data: Float32Array, [size, ...rest]: readonly number[]): unknown {
  if (rest.length === 0) return data;
  const step = data.length / size;
  return Array.from({ length: size }, (_, i) => nested(data.subarray(i * step, (i + 1) * step), rest));
}

const isWork = (x: Matrix | BareWork): x is BareWork => 'run' in x;

/** a · b, or base − a · b, of matrices or of stacks of them. A factor may be the result of other work. */
export function productWork(gpu: Bare, a: Matrix, b: Matrix | BareWork, base?: Matrix): BareWork {
  const shapeB = isWork(b) ? b.shapes![0] : b[1];
  const shape = a[1].with(-1, shapeB.at(-1)!);
  const [stack, here] = shape.length === 3 ? ['[this.thread.z]', at(3)] : ['', at(2)];
  const kernel = gpu.kernel(
    `function(a, b${base ? ', base' : ''}) {
      let sum = 0;
      for (let i = 0; i < this.constants.inner; i++) {
        sum += a${stack}[this.thread.y][i] * b${stack}[i][this.thread.x];
      }
      return ${base ? `base${here} - sum` : 'sum'};
    }`,
    shape,
    { inner: a[1].at(-1)! },
  );
  const [left, right, from] = [gpu.upload(a), isWork(b) ? null : gpu.upload(b), base ? [gpu.upload(base)] : []];
  return {
    shapes: [shape],
    async run() {
      const factor = isWork(b) ? await b.run() : await right!;
      const result = await kernel(await left, factor, ...(await Promise.all(from)));
      if (isWork(b)) releaseBare(factor);
      return result;
    },
  };
}

/** logits [token, expert] -> [token, 2 · slot]: the gates, then the experts; an expert's rank is how many come before it. */
export function gateWork(gpu: Bare, logits: Matrix, slots: number): BareWork {
  const [tokens, experts] = logits[1];
  const kernel = gpu.kernel(
    `function(z) {
      let slot = this.thread.x;
      if (slot >= this.constants.slots) { slot = slot - this.constants.slots; }
      let chosen = 0;
      let value = 0;
      let largest = z[this.thread.y][0];
      for (let e = 0; e < this.constants.experts; e++) { largest = Math.max(largest, z[this.thread.y][e]); }
      let total = 0;
      for (let e = 0; e < this.constants.experts; e++) {
        const own = z[this.thread.y][e];
        let rank = 0;
        for (let f = 0; f < this.constants.experts; f++) {
          const other = z[this.thread.y][f];
          if (other > own) { rank += 1; }
          if (other == own && f < e) { rank += 1; }
        }
        if (rank < this.constants.slots) { total += Math.exp(own - largest); }
        if (rank == slot) { chosen = e; value = own; }
      }
      if (this.thread.x >= this.constants.slots) { return chosen; }
      return Math.exp(value - largest) / total;
    }`,
    [tokens, 2 * slots],
    { experts, slots },
  );
  const input = gpu.upload(logits);
  return { shapes: [[tokens, 2 * slots]], run: async () => kernel(await input) };
}

/**
 * The six matrix products of an MoE step, rows divided evenly among the experts: x W₁, a W₂, and for each the gradient to its
 * input and its weight. No gate, no activation, no bias, no optimizer: less than any step has to do.
 */
export function groupedWork(
  gpu: Bare,
  { rows, input, weights }: { readonly rows: number; readonly input: number; readonly weights: readonly Matrix[] },
): BareWork {
  const [experts, , hidden] = weights[0][1];
  const own = 'Math.floor((this.thread.y + 0.5) / this.constants.each)';
  const constants = { each: rows / experts, input, hidden };
  const product = (inner: string, body: string, shape: readonly number[]): Kernel =>
    gpu.kernel(
      `function(a, b) {
        let sum = 0;
        for (let i = 0; i < this.constants.${inner}; i++) { sum += ${body}; }
        return sum;
      }`,
      shape,
      constants,
    );
  // y_r = x_r W_e,  ∂x_r = g_r W_eᵀ,  ∂W_e = Σ_r x_r ⊗ g_r
  const forward = (inner: string, out: number) =>
    product(inner, `a[this.thread.y][i] * b[${own}][i][this.thread.x]`, [rows, out]);
  const toInput = (inner: string, out: number) =>
    product(inner, `a[this.thread.y][i] * b[${own}][this.thread.x][i]`, [rows, out]);
  const toWeight = (out: number, width: number) => {
    const row = 'this.thread.z * this.constants.each + i';
    return product('each', `a[${row}][this.thread.y] * b[${row}][this.thread.x]`, [experts, out, width]);
  };
  const kernels = {
    ...{ first: forward('input', hidden), second: forward('hidden', input) },
    ...{ toHidden: toInput('input', hidden), toX: toInput('hidden', input) },
    ...{ toW1: toWeight(input, hidden), toW2: toWeight(hidden, input) },
  };
  const x = gpu.upload([new Float32Array(rows * input).fill(0.5), [rows, input]]);
  const [w1, w2] = weights.map((w) => gpu.upload(w));
  return {
    shapes: null,
    async run() {
      const hiddenRows = await kernels.first(await x, await w1);
      const y = await kernels.second(hiddenRows, await w2);
      const toHidden = await kernels.toHidden(y, await w2);
      const made = [hiddenRows, y, toHidden, await kernels.toW2(hiddenRows, y), await kernels.toX(toHidden, await w1)];
      const last = await kernels.toW1(await x, toHidden);
      made.forEach(releaseBare);
      return last;
    },
  };
}
