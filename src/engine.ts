import type { NdArray } from 'ndarray';
import { describe, requireFunction, requireTensor, requireTensors } from './arguments.ts';
import { customOp, differentiate, pullback } from './autograd.ts';
import type { Backend, DType, HostArray, View } from './backend.ts';
import { type DispatchContext, dispatch, requireSupported, Trace, type TraceLine } from './dispatch.ts';
import { OmoeError, ShapeError, UsageError } from './errors.ts';
import { type HostData, hostView, toNdarray } from './host.ts';
import { methodOf, type Op } from './op.ts';
import { composites, primitives } from './ops/index.ts';
import { type Key, normal, permutation, truncatedNormal, uniform } from './random.ts';
import {
  checkShape,
  formatSpecs,
  isContiguous,
  isFloat,
  normalizeAxis,
  requireFloat,
  requireOneDType,
  sameShape,
  sizeOf,
  spanOf,
} from './shape.ts';
import { Tensor } from './tensor.ts';

export interface EngineOptions {
  /** The dtype of new float tensors that name none. Default float32. */
  readonly dtype?: 'float32' | 'float64';
  /** False: run compositions even where the backend has a kernel. For tests. */
  readonly native?: boolean;
  /** False: differentiate through compositions even where an operation states its gradient. For tests. */
  readonly vjp?: boolean;
}

/** A tensor engine on one backend. There is no default engine and no global state: `const t = engine(cpu())`. */
export class Engine {
  readonly backend: Backend;
  readonly options: Required<EngineOptions>;
  readonly #context: DispatchContext;
  #level = 0;

  /** @throws UsageError for anything but a backend, or a dtype that is no float; DTypeError for one the backend lacks */
  constructor(backend: Backend, { dtype = 'float32', native = true, vjp = true }: EngineOptions = {}) {
    requireBackend(backend);
    if (!isFloat(dtype))
      throw new UsageError({
        operation: 'engine',
        received: `the dtype ${dtype}`,
        expected: 'float32 or float64',
        advice: 'It is that of new float tensors; others are named where they are made.',
      });
    this.backend = backend;
    this.options = { dtype, native, vjp };
    requireSupported(backend, 'engine', dtype);
    this.#context = {
      backend,
      native: this.options.native,
      trace: new Trace(),
      wrap: (view) => new Tensor(this, { view }),
    };
  }

  get dtype(): 'float32' | 'float64' {
    return this.options.dtype;
  }

  // Running

  /** Runs an operation: on the innermost tape that watches an input, else on the backend. */
  run<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
    let watcher = null as Tensor['traced'];
    for (const input of inputs) {
      if (!(input instanceof Tensor)) requireTensor(methodOf(op, attrs), 'an operand', input);
      if (input.engine !== this)
        throw new UsageError({
          operation: methodOf(op, attrs),
          received: 'tensors of two engines',
          expected: 'tensors of one engine',
        });
      if (input.traced && input.traced.tape.level > (watcher?.tape.level ?? 0)) watcher = input.traced;
    }
    return watcher ? watcher.tape.record(op, inputs, attrs) : dispatch(this.#context, op, inputs, attrs);
  }

  /** For the autograd: a deeper level while `body` runs. */
  nested<T>(body: (level: number) => T): T {
    this.#level++;
    try {
      return body(this.#level);
    } finally {
      this.#level--;
    }
  }

  /** What ran on a kernel of the backend and what as a composition, since the start or the last `clearTrace`. */
  trace(): TraceLine[] {
    return this.#context.trace.lines();
  }
  /** For the autograd: an operation ran as its composition, because that is what is differentiated. */
  noteComposition(op: string, reason: string): void {
    this.#context.trace.composed(op, reason);
  }
  clearTrace(): void {
    this.#context.trace.clear();
  }

  // Making tensors

  /**
   * A tensor from host data: a number, (nested) arrays, a typed array with a shape, or a scijs ndarray.
   * Typed arrays and ndarrays of the wanted dtype are taken over without a copy: do not write to them afterwards.
   * Float64Array gives float64, Float32Array float32, Int32Array int32, booleans bool, numbers the engine's dtype.
   * @throws ShapeError for ragged nesting or a shape that does not fit; UsageError for data of another kind; DTypeError for
   *   a dtype that the backend lacks
   */
  tensor(data: HostData, shape?: readonly number[], dtype?: DType): Tensor {
    if (dtype !== undefined) requireSupported(this.backend, 'tensor', dtype);
    const { array, ...place } = hostView(data, shape, dtype, this.dtype);
    requireSupported(this.backend, 'tensor', place.dtype);
    const buffer = this.backend.upload(array, place.dtype);
    return this.#context.wrap({ buffer, ...place });
  }
  full(shape: readonly number[], value: number, dtype: DType = this.dtype): Tensor {
    return this.run(primitives.fill, [], { shape, value, dtype })[0];
  }
  zeros(shape: readonly number[], dtype: DType = this.dtype): Tensor {
    return this.run(primitives.fill, [], { shape, value: 0, dtype, operation: 'zeros' })[0];
  }
  ones(shape: readonly number[], dtype: DType = this.dtype): Tensor {
    return this.run(primitives.fill, [], { shape, value: 1, dtype, operation: 'ones' })[0];
  }
  /** 0, 1, …, size − 1 as int32. */
  arange(size: number): Tensor {
    checkShape('arange', [size]);
    return this.tensor(
      Int32Array.from({ length: size }, (_, i) => i),
      [size],
    );
  }
  eye(size: number, dtype: DType = this.dtype): Tensor {
    checkShape('eye', [size, size]);
    return this.arange(size).oneHot(size, dtype);
  }
  /** A number as a tensor of rank 0; a tensor as it is. For operands of elementwise operations. */
  scalarLike(operation: string, operand: Tensor | number, dtype: DType): Tensor {
    if (operand instanceof Tensor) return operand;
    if (typeof operand !== 'number' || dtype === 'bool' || (dtype === 'int32' && !Number.isInteger(operand)))
      throw new UsageError({
        operation,
        received: `the operand ${String(operand)} for ${dtype}`,
        expected: `a tensor or a number that ${dtype} holds`,
      });
    return this.full([], operand, dtype);
  }

  // Randomness: the same key gives the same numbers on every backend

  #random(operation: string, draw: (n: number) => Float64Array, shape: readonly number[], dtype: DType): Tensor {
    checkShape(operation, shape);
    requireFloat(operation, { shape, dtype });
    const drawn = draw(sizeOf(shape));
    return this.tensor(dtype === 'float64' ? drawn : Float32Array.from(drawn), shape, dtype);
  }
  /** Evenly in [low, high). */
  uniform(key: Key, shape: readonly number[], { low = 0, high = 1, dtype = this.dtype as DType } = {}): Tensor {
    return this.#random('uniform', (n) => uniform(key, n, low, high), shape, dtype);
  }
  normal(key: Key, shape: readonly number[], { mean = 0, sd = 1, dtype = this.dtype as DType } = {}): Tensor {
    return this.#random('normal', (n) => normal(key, n, mean, sd), shape, dtype);
  }
  /** Normal, cut at ±bound standard deviations. */
  truncatedNormal(key: Key, shape: readonly number[], { sd = 1, bound = 2, dtype = this.dtype as DType } = {}): Tensor {
    return this.#random('truncatedNormal', (n) => truncatedNormal(key, n, sd, bound), shape, dtype);
  }
  /** 0 … size − 1 in random order, int32. */
  permutation(key: Key, size: number): Tensor {
    return this.tensor(permutation(key, size), [size]);
  }
  /** Keeps each element with probability 1 − rate and divides it by that; rate 0 is the identity. @throws UsageError outside [0, 1) */
  dropout(x: Tensor, rate: number, key: Key): Tensor {
    requireTensor('dropout', '', x);
    requireFloat('dropout', x);
    if (!(rate >= 0 && rate < 1))
      throw new UsageError({ operation: 'dropout', received: `rate ${rate}`, expected: 'a number in [0, 1)' });
    if (rate === 0) return x;
    const kept = Uint8Array.from(uniform(key, x.size), (u) => (u >= rate ? 1 : 0));
    return this.tensor(kept, x.shape, 'bool').where(x.multiply(1 / (1 - rate)), 0);
  }

  // Several tensors

  concat(tensors: readonly Tensor[], axis = 0): Tensor {
    requireTensors('concat', tensors);
    const rank = tensors[0]?.rank ?? 1;
    return this.run(composites.concat, tensors, { axis: normalizeAxis('concat', axis, rank) })[0];
  }
  /** Tensors of one shape along a new axis. */
  stack(tensors: readonly Tensor[], axis = 0): Tensor {
    requireTensors('stack', tensors);
    if (tensors.length === 0 || !tensors.every(({ shape }) => sameShape(shape, tensors[0].shape)))
      throw new ShapeError({
        operation: 'stack',
        received: tensors.length === 0 ? 'no tensors' : formatSpecs(tensors),
        expected: 'at least one tensor, all of one shape',
      });
    requireOneDType('stack', tensors);
    const at = normalizeAxis('stack', axis, tensors[0].rank + 1);
    return this.concat(
      tensors.map((tensor) => tensor.expandDims(at)),
      at,
    );
  }

  // Gradients

  /** Like `valueAndGrad`, for a function that also returns auxiliary output (any tree; its tensors come back as values). */
  valueAuxAndGrad<P, A, R extends readonly unknown[]>(f: (parameters: P, ...rest: R) => readonly [Tensor, A]) {
    requireFunction('valueAuxAndGrad', f);
    return (parameters: P, ...rest: R): { value: Tensor; aux: A; gradients: P } =>
      differentiate(this, (watched: P) => requirePair(f(watched, ...rest)), parameters);
  }
  /**
   * Of a scalar function of a tree of float tensors (and any further arguments): the function that returns its value and
   * the tree of its gradients. Nest for higher derivatives.
   */
  valueAndGrad<P, R extends readonly unknown[]>(f: (parameters: P, ...rest: R) => Tensor) {
    requireFunction('grad', f);
    return (parameters: P, ...rest: R): [Tensor, P] => {
      const { value, gradients } = differentiate(
        this,
        (watched: P) => [f(watched, ...rest), null] as const,
        parameters,
      );
      return [value, gradients];
    };
  }
  grad<P, R extends readonly unknown[]>(f: (parameters: P, ...rest: R) => Tensor) {
    const differentiated = this.valueAndGrad(f);
    return (parameters: P, ...rest: R): P => differentiated(parameters, ...rest)[1];
  }
  /** `forward` with the gradient that `vjp` states instead of the one that would be derived. */
  customGradient(
    forward: (...inputs: readonly Tensor[]) => Tensor,
    vjp: (context: { inputs: readonly Tensor[]; output: Tensor; gradient: Tensor }) => readonly (Tensor | null)[],
  ): (...inputs: readonly Tensor[]) => Tensor {
    requireFunction('customGradient', forward);
    requireFunction('customGradient', vjp);
    const op = customOp('customGradient', forward, vjp);
    return (...inputs) => this.run(op, inputs, undefined)[0];
  }
  /** The same function, whose intermediates are not kept for the gradient but computed again: less memory, more time. */
  checkpoint(f: (...inputs: readonly Tensor[]) => Tensor): (...inputs: readonly Tensor[]) => Tensor {
    requireFunction('checkpoint', f);
    const op = customOp('checkpoint', f, ({ inputs, gradient }) => {
      const { gradients } = pullback(this, f, inputs, () => gradient);
      let next = 0;
      return inputs.map((input) => (isFloat(input.dtype) ? gradients[next++] : null));
    });
    return (...inputs) => this.run(op, inputs, undefined)[0];
  }

  // Reading

  /** @see Tensor.data */
  async read(tensor: Tensor): Promise<HostArray> {
    const { buffer, offset, size } = this.#readable(tensor);
    return checkedLength(size, await this.backend.read(buffer, offset, size)).slice();
  }
  /**
   * As a scijs ndarray with the tensor's own strides, over the part of the buffer that it spans. Where the backend reads
   * without copying (the CPU) it shares the tensor's memory: do not write to it.
   */
  async ndarray(tensor: Tensor): Promise<NdArray<HostArray>> {
    const { buffer, shape, strides, offset } = this.#viewOf(tensor);
    const { first, length } = spanOf(shape, strides, offset);
    const data = checkedLength(length, await this.backend.read(buffer, first, length));
    return toNdarray(data, shape, strides, offset - first);
  }
  protected readNow(tensor: Tensor): HostArray {
    const { buffer, offset, size } = this.#readable(tensor);
    return checkedLength(size, this.backend.readSync!(buffer, offset, size)).slice();
  }
  #viewOf(tensor: Tensor): View {
    requireTensor('read', '', tensor);
    const { view } = tensor.stopGradient();
    if (!view) throw new OmoeError({ operation: 'read', received: String(tensor), expected: 'a tensor with data' });
    return view;
  }
  #readable(tensor: Tensor): { readonly buffer: unknown; readonly offset: number; readonly size: number } {
    const view = this.#viewOf(tensor);
    const { buffer, offset } = isContiguous(view)
      ? view
      : this.run(primitives.copy, [this.#context.wrap(view)], {})[0].view!;
    return { buffer, offset, size: sizeOf(view.shape) };
  }
}

function checkedLength(expected: number, data: HostArray): HostArray {
  if (data.length === expected) return data;
  throw new OmoeError({
    operation: 'read',
    received: `${data.length} elements`,
    expected: `${expected}`,
    advice: 'The backend breaks its contract (src/backend.ts).',
  });
}

/** An engine whose backend can be read without waiting. */
export class SyncEngine extends Engine {
  /** @see Tensor.data */
  dataSync(tensor: Tensor): HostArray {
    return this.readNow(tensor);
  }
}

/** @throws UsageError for what `valueAuxAndGrad` cannot take apart */
function requirePair<A>(result: readonly [Tensor, A]): readonly [Tensor, A] {
  if (Array.isArray(result) && result.length === 2) return result;
  throw new UsageError({
    operation: 'valueAuxAndGrad',
    received: `a function that returns ${describe(result)}`,
    expected: 'a function that returns a pair [loss, auxiliary output]',
    advice: 'Use valueAndGrad for the loss alone; differentiated functions are synchronous.',
  });
}

function requireBackend(backend: unknown): asserts backend is Backend {
  if (typeof backend === 'object' && backend !== null && 'kernels' in backend && 'dtypes' in backend) return;
  throw new UsageError({
    operation: 'engine',
    received: describe(backend),
    expected: 'a backend',
    advice:
      backend instanceof Promise ? 'Await it: engine(await …).' : 'Call the one you imported, as in engine(cpu()).',
  });
}

/** The buffer type is the backend's own; the core never looks inside, so it is forgotten here. */
export function engine<B>(
  backend: Backend<B> & { readonly readSync: (buffer: B) => HostArray },
  options?: EngineOptions,
): SyncEngine;
export function engine<B>(backend: Backend<B>, options?: EngineOptions): Engine;
export function engine<B>(backend: Backend<B>, options?: EngineOptions): Engine {
  const opaque = backend as unknown as Backend;
  return backend?.readSync ? new SyncEngine(opaque, options) : new Engine(opaque, options);
}
