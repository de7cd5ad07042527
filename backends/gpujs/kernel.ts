import {
  type Declined,
  declined,
  type Kernel,
  type Kernels,
  type PrimitiveAttrs,
  type PrimitiveKernel,
} from '../../src/backend.ts';
import type { GpuBuffer } from './buffer.ts';
import { exactInteger, type Runtime } from './runtime.ts';

/** On this backend a kernel of an operation is a function that issues programs on a runtime. */
export type On<K> = (runtime: Runtime) => K;

type Composites = Omit<Kernels<GpuBuffer>, keyof PrimitiveAttrs>;

/** What a composite kernel receives beside its inputs, e.g. `CompositeAttrs['topK']` = { k }. */
export type CompositeAttrs = {
  readonly [K in keyof Composites]-?: NonNullable<Composites[K]> extends Kernel<GpuBuffer, infer Attrs> ? Attrs : never;
};

export type GpuPrimitive<K extends keyof PrimitiveAttrs> = On<PrimitiveKernel<GpuBuffer, PrimitiveAttrs[K]>>;
export type GpuComposite<K extends keyof CompositeAttrs> = On<Kernel<GpuBuffer, CompositeAttrs[K]>>;

/** A kernel counts along one axis in local variables, which are floats (program.ts). */
export const tooLong = (count: number): Declined | null =>
  count > exactInteger ? declined(`an axis of ${count} elements has places that are no Float32`) : null;
