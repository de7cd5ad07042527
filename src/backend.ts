import type { CompositeAttrs } from './ops/index.ts';

/**
 * The whole contract of a backend.
 *
 * A backend owns buffers and runs kernels on strided views of them. It knows nothing of gradients, modules or experts:
 * shapes are inferred, arguments checked and broadcasting resolved before a kernel is called, so a kernel only computes.
 *
 * Guarantees a backend gives:
 * - Order. Kernels take effect in the order they were issued; a read sees every kernel issued before it and none after.
 * - Issuing is synchronous and may only enqueue; results may be pending until a read. Reads are asynchronous.
 * - Outputs are fresh, contiguous, row-major buffers of the given specs. Inputs are never written to. The core frees buffers
 *   (with their region, or on request); a kernel or a read that was issued before sees them whole all the same.
 * - A composite kernel computes what its composition (src/ops) computes, within the bound that `spec/rounding.ts` derives.
 * - Nothing is done silently in another way: a kernel that cannot serve a call returns `declined(reason)`, the core then
 *   runs the composition and records it (`engine.trace()`).
 * - Errors that depend on data (an index out of range) throw at the call where the backend can see them, else reject the
 *   next read, and name the operation.
 * - A lost device is a `DeviceError` at the call or at the read, and at every call from then on: nothing trains on.
 */
export interface Backend<B = unknown> {
  readonly name: string;
  /** What it runs on, for people: `omoe doctor` and reports print it. */
  readonly device: Device;
  /** The dtypes it can hold; the core refuses the others by name. */
  readonly dtypes: readonly DType[];
  readonly limits: Limits;
  /** Which of the optional laws it promises to keep (property-tests/README.md). */
  readonly promises: Promises;
  /**
   * Error, in units in the last place, of its functions in its working precision; tests hold it to them. ½ is correct
   * rounding. What has no entry is correctly rounded, u|f| with u the unit roundoff: + − × and square; results below the
   * smallest normal number may be flushed to 0 (spec/rounding). Negative, abs, sign, maximum and minimum are exact.
   */
  readonly ulps: Readonly<Record<'exp' | 'log' | 'tanh' | 'erf' | 'power' | 'divide' | 'sqrt', number>>;

  // Storage. Buffers are opaque to the core.
  /** Takes over `data` (it may keep the array itself, so nobody writes to it afterwards). */
  upload(data: HostArray, dtype: DType): B;
  /**
   * `length` elements of the buffer from `offset` on, as a host array of its dtype that the caller may keep (a copy, or
   * frozen by convention).
   */
  read(buffer: B, offset: number, length: number): Promise<HostArray>;
  /** Only where a blocking read exists. */
  readSync?(buffer: B, offset: number, length: number): HostArray;
  /** Releases the buffer; using it afterwards is an error that names it. Freeing twice is harmless. */
  free(buffer: B): void;
  /** Live buffers and bytes: what has been made and not freed or collected. */
  stats(): { readonly buffers: number; readonly bytes: number };
  /** Resolves when all issued work is done; for timing. */
  flush(): Promise<void>;
  /** Gives back the device; every call afterwards is an error that says so. */
  dispose(): void | Promise<void>;

  readonly kernels: Kernels<B>;
}

export interface Device {
  /** The path that really runs, asked of it and not of the request: `javascript`, `webgl2`, `headlessgl`, … */
  readonly mode: string;
  /** Its name, e.g. the renderer of a graphics card. */
  readonly name: string;
  readonly threads: number;
  /** What a user should know: a software renderer, a choice that was made for them. Empty: nothing. */
  readonly notes: readonly string[];
}

export interface Limits {
  /** Elements of one buffer; more is refused by name before anything is allocated. */
  readonly elements: number;
  /**
   * Whole numbers from −integer to integer are exact as int32; what is uploaded beyond is refused by name. Where that is less
   * than int32 holds, results beyond are refused too, at the call or at the next read: they would be wrong in silence.
   */
  readonly integer: number;
}

export interface Promises {
  /** The same calls give the same bits, in this process and in the next. */
  readonly repeatable: boolean;
  /** NaN, ±∞ and −0 behave as IEEE 754 says, in every operation. */
  readonly specialValues: boolean;
}

/** Float arrays hold real numbers, `int32` indices and labels, `bool` masks (one byte, 0 or 1). */
export type DType = 'float32' | 'float64' | 'int32' | 'bool';
export type HostArray = Float32Array | Float64Array | Int32Array | Uint8Array;

export interface Spec {
  readonly shape: readonly number[];
  readonly dtype: DType;
}

/** Element (i₀, i₁, …) lies at buffer[offset + Σ iₐ·stridesₐ]. Strides may be 0 (broadcast) or negative (flipped). */
export interface View<B = unknown> extends Spec {
  readonly buffer: B;
  readonly strides: readonly number[];
  readonly offset: number;
}

export type UnaryKind =
  | ('negative' | 'abs' | 'sign' | 'reciprocal' | 'square' | 'exp' | 'log' | 'sqrt' | 'tanh' | 'erf') // floats
  | 'logicalNot'; // bool
export type ArithmeticKind = 'add' | 'subtract' | 'multiply' | 'divide' | 'power' | 'maximum' | 'minimum';
export type ComparisonKind = 'equal' | 'notEqual' | 'less' | 'lessEqual' | 'greater' | 'greaterEqual';
export type LogicalKind = 'logicalAnd' | 'logicalOr';
export type BinaryKind = ArithmeticKind | ComparisonKind | LogicalKind;
export type ReduceKind = 'sum' | 'max' | 'min';

/** What every backend must have. Inputs of `binary` and `select` arrive already broadcast to one shape. */
export interface PrimitiveAttrs {
  /** [x] -> f(x) */
  unary: { readonly kind: UnaryKind };
  /** [a, b] of one shape and dtype; comparisons give bool. */
  binary: { readonly kind: BinaryKind };
  /** [condition: bool, a, b] -> condition ? a : b */
  select: object;
  /** [x] over `axes` (ascending, not empty), which disappear. Empty: sum 0, max -∞, min +∞. NaN propagates. */
  reduce: { readonly kind: ReduceKind; readonly axes: readonly number[] };
  /** [x] -> the view made contiguous. */
  copy: object;
  /** [x, indices: int32 [m]]: along `axis` take the slices `indices`; out of range is an error. */
  gather: { readonly axis: number };
  /** [x, indices: int32 [m], updates]: x plus updates added along `axis` at `indices`, in ascending order of m. */
  scatterAdd: { readonly axis: number };
  /** [] -> every element is `value`. */
  fill: { readonly value: number };
  /** [x] -> the output's dtype. To int32: toward zero, NaN to 0; to bool: x ≠ 0. */
  cast: object;
}

/** The kernel of one operation. `outputs` are the specs the core inferred; the kernel returns one buffer for each. */
export type Kernel<B, Attrs> = (
  inputs: readonly View<B>[],
  attrs: Attrs,
  outputs: readonly Spec[],
) => readonly B[] | Declined;

export interface Declined {
  readonly declined: string;
}
export const declined = (reason: string): Declined => ({ declined: reason });

/** A primitive has nothing to be composed of, so it cannot decline: what it cannot serve it tiles, or it throws naming its limit. */
export type PrimitiveKernel<B, Attrs> = (
  ...call: Parameters<Kernel<B, Attrs>>
) => Exclude<ReturnType<Kernel<B, Attrs>>, Declined>;

/** Primitives are required by the type checker; composites may be left out, each has a composition in src/ops. */
export type Kernels<B> = { readonly [K in keyof PrimitiveAttrs]: PrimitiveKernel<B, PrimitiveAttrs[K]> } & {
  readonly [K in keyof CompositeAttrs]?: Kernel<B, CompositeAttrs[K]>;
};
