import type { PrimitiveAttrs, Spec, View } from './backend.ts';
import type { Tensor } from './tensor.ts';

/**
 * One record per operation: what shape comes out, how it is composed of simpler operations, and its gradient.
 * Forward and gradient stand side by side in one file of src/ops; dispatch, autograd and the tests read the same record.
 */
export interface Op<Attrs = object> {
  readonly name: string;
  /** For errors: the method that was called, where that is not `name`. */
  readonly method?: (attrs: Attrs) => string;
  /**
   * `primitive`: every backend has a kernel. `composite`: a backend may have one, else `compose` runs.
   * `view`: only shape, strides and offset change; no backend is asked.
   */
  readonly kind: 'primitive' | 'composite' | 'view';
  /** Output specs from input specs. @throws ShapeError, DTypeError naming the operation and what it got */
  infer(inputs: readonly Spec[], attrs: Attrs): readonly Spec[];
  /** Composite: the same result from simpler operations. */
  compose?(inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[];
  /** View: the strided view, or null where the data must be copied to contiguous form first. */
  view?(input: View, attrs: Attrs): View | null;
  /**
   * Vector–Jacobian product: from the gradients of the outputs those of the inputs (null: none flows there).
   * Absent: the gradient is that of the composition. `null`: the operation has no gradient, its results are constants.
   */
  readonly vjp?: ((context: VjpContext<Attrs>) => readonly (Tensor | null)[]) | null;
}

/** What the caller knows the operation as. */
export const methodOf = <Attrs>(op: Op<Attrs>, attrs: Attrs): string => op.method?.(attrs) ?? op.name;

export interface VjpContext<Attrs> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  /** One for each output; zeros where nothing depends on it. */
  readonly gradients: readonly Tensor[];
  /** Whether anything depends on the output: false spares the work of adding zeros. */
  readonly reached: readonly boolean[];
  readonly attrs: Attrs;
}

/** The attrs type of an op record; `CompositeAttrs` in ops/index.ts is derived with it. */
export type AttrsOf<O> = O extends Op<infer Attrs> ? Attrs : never;

export type PrimitiveName = keyof PrimitiveAttrs;
