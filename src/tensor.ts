import type { Traced } from './autograd.ts';
import type { BinaryKind, DType, HostArray, ReduceKind, View } from './backend.ts';
import type { Engine } from './engine.ts';
import { ShapeError, UsageError } from './errors.ts';
import type { Op } from './op.ts';
import { composites, primitives, views } from './ops/index.ts';
import {
  broadcastShapes,
  completeShape,
  formatSpec,
  normalizeAxes,
  normalizeAxis,
  requireList,
  sameShape,
  sizeOf,
} from './shape.ts';

type Axes = number | readonly number[];

export interface Reduction {
  /** Keep the reduced axes, with size 1. Default false. */
  readonly keepDims?: boolean;
}

/**
 * A thin fluent handle: a shape, a dtype, and either a strided view of a backend's buffer or a place on a gradient tape.
 * Every method runs one operation of src/ops (or a few, in one line) and returns a new tensor; none changes its inputs.
 * Names follow the array-API standard. Two operands broadcast; a number takes the tensor's dtype; dtypes never mix.
 */
export class Tensor {
  readonly engine: Engine;
  readonly shape: readonly number[];
  readonly dtype: DType;
  /** The data; null while the tensor is being differentiated through. */
  readonly view: View | null;
  /** Its place on the innermost gradient tape that watches it; null for plain data. */
  readonly traced: Traced | null;

  constructor(engine: Engine, source: { readonly view: View } | { readonly traced: Traced }) {
    this.engine = engine;
    this.view = 'view' in source ? source.view : null;
    this.traced = 'traced' in source ? source.traced : null;
    const { shape, dtype } = 'view' in source ? source.view : source.traced.primal;
    this.shape = shape;
    this.dtype = dtype;
  }

  get rank(): number {
    return this.shape.length;
  }
  get size(): number {
    return sizeOf(this.shape);
  }
  toString(): string {
    return `Tensor ${formatSpec(this)}${this.traced ? ' (traced)' : ''}`;
  }

  #run<Attrs>(op: Op<Attrs>, others: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
    return this.engine.run(op, [this, ...others], attrs);
  }
  #one<Attrs>(op: Op<Attrs>, others: readonly Tensor[], attrs: Attrs): Tensor {
    return this.#run(op, others, attrs)[0];
  }

  // Reading

  /** The elements in row-major order, as a typed array that the caller may keep. */
  data(): Promise<HostArray> {
    return this.engine.read(this);
  }
  /** The single element of a tensor of size 1. @throws ShapeError */
  async item(): Promise<number> {
    if (this.size !== 1)
      throw new ShapeError({ operation: 'item', received: formatSpec(this), expected: 'exactly one element' });
    return (await this.data())[0];
  }

  // One operand, element by element

  negative(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'negative' });
  }
  abs(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'abs' });
  }
  sign(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'sign' });
  }
  reciprocal(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'reciprocal' });
  }
  square(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'square' });
  }
  exp(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'exp' });
  }
  log(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'log' });
  }
  sqrt(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'sqrt' });
  }
  tanh(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'tanh' });
  }
  erf(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'erf' });
  }
  logicalNot(): Tensor {
    return this.#one(primitives.unary, [], { kind: 'logicalNot' });
  }
  relu(): Tensor {
    return this.#one(composites.relu, [], {});
  }
  sigmoid(): Tensor {
    return this.#one(composites.sigmoid, [], {});
  }
  silu(): Tensor {
    return this.#one(composites.silu, [], {});
  }
  softplus(): Tensor {
    return this.#one(composites.softplus, [], {});
  }
  gelu(): Tensor {
    return this.#one(composites.gelu, [], {});
  }
  geluTanh(): Tensor {
    return this.#one(composites.geluTanh, [], {});
  }

  /** Every dtype converts to every other. To int32: toward zero, NaN to 0; to bool: x ≠ 0. @throws DTypeError for one the backend lacks */
  astype(dtype: DType): Tensor {
    return dtype === this.dtype ? this : this.#one(primitives.cast, [], { dtype });
  }
  copy(): Tensor {
    return this.#one(primitives.copy, [], {});
  }
  /** The same value, a constant to every gradient. */
  stopGradient(): Tensor {
    return this.traced ? this.traced.primal.stopGradient() : this;
  }

  // Two operands, broadcast to one shape

  #binary(kind: BinaryKind, other: Tensor | number): Tensor {
    const right = this.engine.scalarLike(kind, other, this.dtype);
    const shape = broadcastShapes(kind, this.shape, right.shape);
    return this.broadcastTo(shape).#one(primitives.binary, [right.broadcastTo(shape)], { kind });
  }
  add(other: Tensor | number): Tensor {
    return this.#binary('add', other);
  }
  subtract(other: Tensor | number): Tensor {
    return this.#binary('subtract', other);
  }
  multiply(other: Tensor | number): Tensor {
    return this.#binary('multiply', other);
  }
  divide(other: Tensor | number): Tensor {
    return this.#binary('divide', other);
  }
  power(other: Tensor | number): Tensor {
    return this.#binary('power', other);
  }
  maximum(other: Tensor | number): Tensor {
    return this.#binary('maximum', other);
  }
  minimum(other: Tensor | number): Tensor {
    return this.#binary('minimum', other);
  }
  equal(other: Tensor | number): Tensor {
    return this.#binary('equal', other);
  }
  notEqual(other: Tensor | number): Tensor {
    return this.#binary('notEqual', other);
  }
  less(other: Tensor | number): Tensor {
    return this.#binary('less', other);
  }
  lessEqual(other: Tensor | number): Tensor {
    return this.#binary('lessEqual', other);
  }
  greater(other: Tensor | number): Tensor {
    return this.#binary('greater', other);
  }
  greaterEqual(other: Tensor | number): Tensor {
    return this.#binary('greaterEqual', other);
  }
  logicalAnd(other: Tensor | number): Tensor {
    return this.#binary('logicalAnd', other);
  }
  logicalOr(other: Tensor | number): Tensor {
    return this.#binary('logicalOr', other);
  }

  /** For a bool tensor: a where it holds, else b. At least one of a, b must be a tensor. */
  where(a: Tensor | number, b: Tensor | number): Tensor {
    const typed = a instanceof Tensor ? a : b;
    if (!(typed instanceof Tensor))
      throw new UsageError({ operation: 'where', received: 'two numbers', expected: 'at least one tensor' });
    const [left, right] = [a, b].map((operand) => this.engine.scalarLike('where', operand, typed.dtype));
    const shape = broadcastShapes('where', this.shape, broadcastShapes('where', left.shape, right.shape));
    const operands = [left.broadcastTo(shape), right.broadcastTo(shape)];
    return this.broadcastTo(shape).#one(primitives.select, operands, {});
  }

  // Reductions; all axes where none are named

  #reduce(kind: ReduceKind, axes: Axes | undefined, { keepDims = false }: Reduction): Tensor {
    const list = normalizeAxes(kind, axes, this.rank);
    return this.#keep(
      list.length === 0 ? this : this.#one(primitives.reduce, [], { kind, axes: list }),
      list,
      keepDims,
    );
  }
  #keep(reduced: Tensor, axes: readonly number[], keepDims: boolean): Tensor {
    return keepDims ? reduced.reshape(this.shape.map((size, axis) => (axes.includes(axis) ? 1 : size))) : reduced;
  }
  sum(axes?: Axes, options: Reduction = {}): Tensor {
    return this.#reduce('sum', axes, options);
  }
  max(axes?: Axes, options: Reduction = {}): Tensor {
    return this.#reduce('max', axes, options);
  }
  min(axes?: Axes, options: Reduction = {}): Tensor {
    return this.#reduce('min', axes, options);
  }
  mean(axes?: Axes, { keepDims = false }: Reduction = {}): Tensor {
    const list = normalizeAxes('mean', axes, this.rank);
    return this.#keep(this.#one(composites.mean, [], { axes: list }), list, keepDims);
  }
  /**
   * Σ(x − mean)²/(N − correction), correction 0 by default. For correction = N the division is IEEE's: NaN or ∞.
   * @throws UsageError unless 0 ≤ correction ≤ N (of no elements at all, N = 0, any correction ≥ 0 is taken)
   */
  variance(
    axes?: Axes,
    { keepDims = false, correction = 0 }: Reduction & { readonly correction?: number } = {},
  ): Tensor {
    const list = normalizeAxes('variance', axes, this.rank);
    return this.#keep(this.#one(composites.variance, [], { axes: list, correction }), list, keepDims);
  }
  /** log Σ exp x, without overflow. */
  logSumExp(axes?: Axes, { keepDims = false }: Reduction = {}): Tensor {
    const list = normalizeAxes('logSumExp', axes, this.rank);
    return this.#keep(this.#one(composites.logSumExp, [], { axes: list }), list, keepDims);
  }
  /** √Σ x², without over- or underflow. */
  norm(axes?: Axes, { keepDims = false }: Reduction = {}): Tensor {
    const list = normalizeAxes('norm', axes, this.rank);
    return this.#keep(this.#one(composites.norm, [], { axes: list }), list, keepDims);
  }
  /** First index of the largest element along one axis; NaN counts as the largest. int32 */
  argmax(axis = -1): Tensor {
    return this.#one(composites.argmax, [], { axis: normalizeAxis('argmax', axis, this.rank) });
  }
  cumsum(axis = -1): Tensor {
    return this.#one(composites.cumsum, [], { axis: normalizeAxis('cumsum', axis, this.rank) });
  }

  // Contractions

  /** [..., m, inner] · [..., inner, n] -> [..., m, n], batch axes broadcast. */
  matmul(other: Tensor): Tensor {
    return this.#one(composites.matmul, [other], {});
  }
  /** Rows sorted by expert: [row, in] · [expert, in, out], offsets int32 [expert + 1] -> [row, out]. */
  groupedMatmul(weights: Tensor, offsets: Tensor): Tensor {
    return this.#one(composites.groupedMatmul, [weights, offsets], {});
  }
  /** Σ over each expert's rows of [in] ⊗ [out]: [row, in], [row, out], offsets -> [expert, in, out]. */
  groupedOuter(other: Tensor, offsets: Tensor): Tensor {
    return this.#one(composites.groupedOuter, [other, offsets], {});
  }
  /** AᵀA over the last two axes. */
  gram(): Tensor {
    return this.#one(composites.gram, [], {});
  }
  /** (I − VVᵀ) G for V [..., row, rank], or G (I − VVᵀ) for V [..., col, rank] on the right. */
  orthogonalProject(factor: Tensor, side: 'left' | 'right' = 'left'): Tensor {
    return this.#one(composites.orthogonalProject, [factor], { side });
  }

  // Normalisation and losses

  softmax(axis = -1): Tensor {
    return this.#one(composites.softmax, [], { axis: normalizeAxis('softmax', axis, this.rank) });
  }
  logSoftmax(axis = -1): Tensor {
    return this.#one(composites.logSoftmax, [], { axis: normalizeAxis('logSoftmax', axis, this.rank) });
  }
  layerNorm(weight: Tensor, bias: Tensor, epsilon = 1e-5): Tensor {
    return this.#one(composites.layerNorm, [weight, bias], { epsilon });
  }
  /** logits [row, class], labels int32 [row] -> loss of each row [row]. */
  crossEntropy(labels: Tensor): Tensor {
    return this.#one(composites.crossEntropy, [labels], {});
  }

  // Order and position

  /** Along the last axis, descending, ties to the lowest index. */
  topK(k: number): { readonly values: Tensor; readonly indices: Tensor } {
    const [values, indices] = this.#run(composites.topK, [], { k });
    return { values, indices };
  }
  /** Along the last axis, ascending and stable; `order` sorts anything else by the same keys. */
  sort(): { readonly values: Tensor; readonly order: Tensor } {
    const [values, order] = this.#run(composites.sort, [], {});
    return { values, order };
  }
  /** int32 […] -> […, depth]; a row of zeros where the index is outside [0, depth). */
  oneHot(depth: number, dtype: DType = this.engine.dtype): Tensor {
    return this.#one(composites.oneHot, [], { depth, dtype });
  }
  /** The slices `indices` (int32 [m]) along an axis. @throws OmoeError for an index out of range */
  gather(indices: Tensor, axis = 0): Tensor {
    return this.#one(primitives.gather, [indices], { axis: normalizeAxis('gather', axis, this.rank) });
  }
  /** This tensor plus `updates` added at `indices` along an axis. */
  scatterAdd(indices: Tensor, updates: Tensor, axis = 0): Tensor {
    return this.#one(primitives.scatterAdd, [indices, updates], { axis: normalizeAxis('scatterAdd', axis, this.rank) });
  }

  // Views: no element moves

  /** One size may be −1: it is worked out from the others. */
  reshape(shape: readonly number[]): Tensor {
    const full = completeShape('reshape', this, shape);
    return sameShape(full, this.shape) ? this : this.#one(views.reshape, [], { shape: full });
  }
  permuteDims(axes: readonly number[]): Tensor {
    requireList('permuteDims', 'axes', axes);
    return this.#one(views.permuteDims, [], {
      axes: axes.map((axis) => normalizeAxis('permuteDims', axis, this.rank)),
    });
  }
  /** The last two axes swapped. */
  transpose(): Tensor {
    if (this.rank < 2)
      throw new ShapeError({ operation: 'transpose', received: formatSpec(this), expected: 'a rank of at least 2' });
    const axes = this.shape.map((_, axis) => axis);
    return this.permuteDims([...axes.slice(0, -2), this.rank - 1, this.rank - 2]);
  }
  broadcastTo(shape: readonly number[]): Tensor {
    requireList('broadcastTo', 'shape', shape);
    return sameShape(shape, this.shape) ? this : this.#one(views.broadcastTo, [], { shape });
  }
  /** Elements start, start + step, … before stop; stop is cut at the end, as in Python. Negative positions count from the end. */
  slice(range: readonly [number, number], axis = 0, step = 1): Tensor {
    requireList('slice', 'range', range);
    const [start, stop] = range;
    const at = normalizeAxis('slice', axis, this.rank);
    const length = this.shape[at];
    if (![start, stop].every(Number.isInteger) || !Number.isInteger(step) || step < 1)
      throw new UsageError({
        operation: 'slice',
        received: `[${start}, ${stop}] step ${step}`,
        expected: 'integers with a step of at least 1',
      });
    const clip = (position: number) => Math.min(length, Math.max(0, position < 0 ? position + length : position));
    const [first, end] = [clip(start), clip(stop)];
    return this.#slice(at, first, Math.max(0, Math.ceil((end - first) / step)), step);
  }
  /** The axis in reverse order. */
  flip(axis: number): Tensor {
    const at = normalizeAxis('flip', axis, this.rank);
    return this.#slice(at, Math.max(0, this.shape[at] - 1), this.shape[at], -1);
  }
  #slice(axis: number, start: number, size: number, step: number): Tensor {
    return this.#one(views.slice, [], {
      starts: this.shape.map((_, a) => (a === axis ? start : 0)),
      sizes: this.shape.with(axis, size),
      steps: this.shape.map((_, a) => (a === axis ? step : 1)),
    });
  }
  /** A new axis of size 1 before position `axis` (−1: at the end). */
  expandDims(axis: number): Tensor {
    const at = normalizeAxis('expandDims', axis, this.rank + 1);
    return this.reshape(this.shape.toSpliced(at, 0, 1));
  }
  /** Drops an axis of size 1. @throws ShapeError where it is larger */
  squeeze(axis: number): Tensor {
    const at = normalizeAxis('squeeze', axis, this.rank);
    if (this.shape[at] !== 1)
      throw new ShapeError({
        operation: 'squeeze',
        received: `axis ${axis} of ${formatSpec(this)}`,
        expected: 'size 1',
      });
    return this.reshape(this.shape.toSpliced(at, 1));
  }

  // Constants of the same kind

  zerosLike(): Tensor {
    return this.engine.zeros(this.shape, this.dtype);
  }
  onesLike(): Tensor {
    return this.engine.full(this.shape, 1, this.dtype);
  }
}
