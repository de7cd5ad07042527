import type { NdArray } from 'ndarray';
import { describe, requireFunction, requireTensor } from './arguments.ts';
import { customOp, differentiate, pullback } from './autograd.ts';
import type { Backend, HostArray, View } from './backend.ts';
import { Creation } from './creation.ts';
import { type DispatchContext, dispatch, requireSupported, Trace, type TraceLine } from './dispatch.ts';
import { OmoeError, UsageError } from './errors.ts';
import { toNdarray } from './host.ts';
import { methodOf, type Op } from './op.ts';
import { primitives } from './ops/index.ts';
import { Owned } from './owned.ts';
import { isContiguous, isFloat, sizeOf, spanOf } from './shape.ts';
import { Tensor } from './tensor.ts';
import { leaves, mapTree } from './tree.ts';

export interface EngineOptions {
  /** The dtype of new float tensors that name none. Default float32. */
  readonly dtype?: 'float32' | 'float64';
  /** False: run compositions even where the backend has a kernel. For tests. */
  readonly native?: boolean;
  /** False: differentiate through compositions even where an operation states its gradient. For tests. */
  readonly vjp?: boolean;
}

/** What an engine and its regions share. */
interface Core {
  readonly trace: Trace;
  /** How many gradient tapes are open, one inside the other. */
  level: number;
  /** How many regions there have been. */
  regions: number;
}

/** A tensor engine on one backend. There is no default engine and no global state: `const t = engine(cpu())`. */
export class Engine extends Creation {
  override readonly backend: Backend;
  readonly options: Required<EngineOptions>;
  /** 0 for the engine itself; regions are numbered as they are made, so that of two the larger is the younger. */
  readonly age: number;
  readonly #core: Core;
  readonly #context: DispatchContext;
  /** The buffers to be freed with the region; null for the engine itself, whose buffers the garbage collector finds. */
  protected readonly owned: Owned | null;

  /** @throws UsageError for anything but a backend, or a dtype that is no float; DTypeError for one the backend lacks */
  constructor(backend: Backend, { dtype = 'float32', native = true, vjp = true }: EngineOptions = {}, parent?: Engine) {
    super();
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
    this.#core = parent ? parent.#core : { trace: new Trace(), level: 0, regions: 0 };
    this.age = parent ? ++this.#core.regions : 0;
    this.owned = parent ? new Owned(backend) : null;
    this.#context = {
      backend,
      native: this.options.native,
      trace: this.#core.trace,
      wrap: (view) => new Tensor(this, { view }),
      own: (view) => {
        this.owned?.add(view.buffer);
        return new Tensor(this, { view });
      },
      adopt: (tensor) => this.borrow(tensor),
    };
  }

  override get dtype(): 'float32' | 'float64' {
    return this.options.dtype;
  }

  // Running

  /**
   * Runs an operation: on the innermost tape that watches an input, else on the backend. The results belong to the youngest
   * region among the inputs and this engine.
   */
  override run<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
    let watcher = null as Tensor['traced'];
    let home: Engine = this;
    for (const input of inputs) {
      if (!(input instanceof Tensor)) requireTensor(methodOf(op, attrs), 'an operand', input);
      if (input.engine.#core !== this.#core)
        throw new UsageError({
          operation: methodOf(op, attrs),
          received: 'tensors of two engines',
          expected: 'tensors of one engine',
        });
      if (input.engine.age > home.age) home = input.engine;
      if (input.traced && input.traced.tape.level > (watcher?.tape.level ?? 0)) watcher = input.traced;
    }
    return watcher ? watcher.tape.record(op, inputs, attrs) : dispatch(home.#context, op, inputs, attrs);
  }

  // Ownership

  /**
   * A region: an engine whose tensors are freed together, all at once. `using step = t.region()` around a training step frees
   * its intermediates; what has to outlive it goes through `step.keep`.
   */
  region(): Region {
    return new Region(this);
  }
  /** Older tensors as handles of this region, so that what is computed of them alone belongs to it too. */
  borrow<T>(tree: T): T {
    return mapTree(tree, (tensor) =>
      tensor.view && tensor.engine.age < this.age ? new Tensor(this, { view: tensor.view }) : tensor,
    );
  }
  /** For regions: from now on the buffer is freed with this one. */
  adoptBuffer(buffer: unknown): void {
    this.owned?.add(buffer);
  }
  /** Frees the buffers of a tree of tensors now, but for those that the tree `except` uses too. */
  free(tree: unknown, { except }: { readonly except?: unknown } = {}): void {
    const used = new Set(leaves(except).map(({ tensor }) => tensor.view?.buffer));
    for (const { tensor } of leaves(tree))
      if (tensor.view && !used.has(tensor.view.buffer)) {
        tensor.engine.owned?.release(tensor.view.buffer);
        this.backend.free(tensor.view.buffer);
      }
  }

  /** For the autograd: a deeper level while `body` runs. */
  nested<T>(body: (level: number) => T): T {
    this.#core.level++;
    try {
      return body(this.#core.level);
    } finally {
      this.#core.level--;
    }
  }

  /** What ran on a kernel of the backend and what as a composition, since the start or the last `clearTrace`. */
  trace(): TraceLine[] {
    return this.#core.trace.lines();
  }
  /** For the autograd: an operation ran as its composition, because that is what is differentiated. */
  noteComposition(op: string, reason: string): void {
    this.#core.trace.composed(op, reason);
  }
  clearTrace(): void {
    this.#core.trace.clear();
  }

  protected override own(view: View): Tensor {
    return this.#context.own(view);
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
    const { buffer, offset, size, done } = this.#readable(tensor);
    try {
      return checkedLength(size, await this.backend.read(buffer, offset, size)).slice();
    } finally {
      done();
    }
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
    const { buffer, offset, size, done } = this.#readable(tensor);
    try {
      return checkedLength(size, this.backend.readSync!(buffer, offset, size)).slice();
    } finally {
      done();
    }
  }
  #viewOf(tensor: Tensor): View {
    requireTensor('read', '', tensor);
    const { view } = tensor.stopGradient();
    if (!view) throw new OmoeError({ operation: 'read', received: String(tensor), expected: 'a tensor with data' });
    return view;
  }
  /** The elements in row-major order; of a strided view that is a copy, which `done` frees. */
  #readable(tensor: Tensor) {
    const view = this.#viewOf(tensor);
    const copied = isContiguous(view) ? null : this.run(primitives.copy, [this.#context.wrap(view)], {})[0];
    const { buffer, offset } = copied?.view ?? view;
    return { buffer, offset, size: sizeOf(view.shape), done: () => this.free(copied) };
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

/** Of the tensors made in it, all that nobody kept are freed when it is disposed, by `using` or by hand. */
export class Region extends Engine {
  readonly #parent: Engine;

  constructor(parent: Engine) {
    super(parent.backend, parent.options, parent);
    this.#parent = parent;
  }

  /**
   * Hands a tree of tensors to the engine or region around this one, and returns it as handles of that. Tensors of older
   * regions are returned as they are.
   * @throws UsageError for tensors of a younger region, which has to keep them first, and for tensors under a gradient tape
   */
  keep<T>(tree: T): T {
    return mapTree(tree, (tensor, path) => {
      if (!tensor.view || tensor.engine.age > this.age)
        throw new UsageError({
          operation: 'keep',
          received: `${path || 'a tensor'} ${tensor.view ? 'of a younger region' : 'that is being differentiated through'}`,
          expected: 'tensors of this region',
          advice: tensor.view ? 'Keep it in its own region first.' : 'Return it from the differentiated function.',
        });
      if (this.owned!.release(tensor.view.buffer)) this.#parent.adoptBuffer(tensor.view.buffer);
      // Handles of other regions stay theirs: who owns the buffer frees it.
      return tensor.engine === this ? new Tensor(this.#parent, { view: tensor.view }) : tensor;
    });
  }

  /** Frees what was made in it and not kept. Tensors made in it later are refused. */
  dispose(): void {
    this.owned!.freeAll();
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
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
  backend: Backend<B> & Required<Pick<Backend<B>, 'readSync'>>,
  options?: EngineOptions,
): SyncEngine;
export function engine<B>(backend: Backend<B>, options?: EngineOptions): Engine;
export function engine<B>(backend: Backend<B>, options?: EngineOptions): Engine {
  const opaque = backend as unknown as Backend;
  return backend?.readSync ? new SyncEngine(opaque, options) : new Engine(opaque, options);
}
