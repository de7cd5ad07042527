import type { HostArray, Kernel, Kernels, PrimitiveAttrs, Spec, View } from '../../src/backend.ts';

/**
 * On this backend a kernel is a plain function from strided views of host arrays to fresh row-major host arrays.
 * Buffers, their lifetime and their counting are added around it, in one place (index.ts).
 */
export type HostView = View<HostArray>;

export type HostKernel<Attrs> = (
  inputs: readonly HostView[],
  attrs: Attrs,
  outputs: readonly Spec[],
) => readonly HostArray[];

type Composites = Omit<Kernels<HostArray>, keyof PrimitiveAttrs>;

/** What a composite kernel receives beside its inputs, e.g. `CompositeAttrs['topK']` = { k }. */
export type CompositeAttrs = {
  readonly [K in keyof Composites]-?: NonNullable<Composites[K]> extends Kernel<HostArray, infer Attrs> ? Attrs : never;
};
