import { requireTensor, requireTensors } from './arguments.ts';
import type { Backend, DType, View } from './backend.ts';
import { requireSupported } from './dispatch.ts';
import { ShapeError, UsageError } from './errors.ts';
import { type HostData, hostView } from './host.ts';
import type { Op } from './op.ts';
import { composites, primitives } from './ops/index.ts';
import { type Key, normal, permutation, truncatedNormal, uniform } from './random.ts';
import { checkShape, formatSpecs, normalizeAxis, requireFloat, requireOneDType, sameShape, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';

/** The part of an engine that makes tensors: of host data, of constants, at random, and of several others. */
export abstract class Creation {
  abstract readonly backend: Backend;
  abstract get dtype(): 'float32' | 'float64';
  abstract run<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[];
  /** A handle of a fresh buffer, which belongs to this engine or region. */
  protected abstract own(view: View): Tensor;

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
    return this.own({ buffer: this.backend.upload(array, place.dtype), ...place });
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
}
