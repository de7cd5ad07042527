import type { Kernel, Kernels, PrimitiveAttrs } from '../../src/backend.ts';
import type { WasmBuffer } from './storage.ts';

type Composites = Omit<Kernels<WasmBuffer>, keyof PrimitiveAttrs>;

/** What a composite kernel receives beside its inputs, e.g. `CompositeAttrs['topK']` = { k }. */
export type CompositeAttrs = {
  readonly [K in keyof Composites]-?: NonNullable<Composites[K]> extends Kernel<WasmBuffer, infer Attrs>
    ? Attrs
    : never;
};
