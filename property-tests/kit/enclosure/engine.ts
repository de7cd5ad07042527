import { type Any, array, intArray, type Real, toFlat } from '../../../spec/array.ts';
import { REFERENCE_ULPS, tolerance, type Ulps, UNIT_ROUNDOFF } from '../../../spec/rounding/model.ts';
import type { View } from '../../../src/backend.ts';
import { Engine, type EngineOptions } from '../../../src/engine.ts';
import type { Op } from '../../../src/op.ts';
import { contiguousStrides, isFloat } from '../../../src/shape.ts';
import { Tensor } from '../../../src/tensor.ts';
import type { FloatType } from '../../arbitraries/values.ts';
import { type Enclosure, enclosing } from './backend.ts';
import { kernelBounds } from './bounds.ts';

/**
 * An engine on intervals. A composite is evaluated as its composition, which encloses the definition over all inputs in their
 * intervals and the composition's own roundings; then it is widened by the bound of a kernel, so that it holds for backends
 * with a kernel as for those without. The bound is taken at the middle of the inputs, twice: the intervals of the calls that
 * are drawn are a few roundings wide, and no bound doubles over so little.
 */
export function enclosingEngine(dtype: FloatType, ulps: Ulps, options: Omit<EngineOptions, 'dtype'> = {}): Engine {
  const t = new Engine(enclosing(dtype, ulps) as never, { ...options, dtype });
  const run = t.run.bind(t);
  t.run = <A>(op: Op<A>, inputs: readonly Tensor[], attrs: A): readonly Tensor[] => {
    const outputs = run(op, inputs, attrs);
    const bound = (kernelBounds as Record<string, (typeof kernelBounds)['relu'] | undefined>)[op.name];
    if (!bound || op.kind !== 'composite' || inputs.some(({ traced }) => traced)) return outputs;
    const middles = inputs.map(middle);
    // Where no output has an element there is nothing to widen, and bounds need not be defined.
    if (outputs.every(({ size }) => size === 0)) return outputs;
    const at = (i: number) => (u: number, units: Ulps) => bound(middles, attrs as object, u, units)[i]!;
    const has = bound(middles, attrs as object, UNIT_ROUNDOFF[dtype], ulps);
    return outputs.map((output, i) => (has[i] ? widen(output, tolerance(at(i), UNIT_ROUNDOFF[dtype], ulps)) : output));
  };
  return t;
}

/** The precision of the definitions themselves. */
export const referenceEngine = (options?: Omit<EngineOptions, 'dtype'>): Engine =>
  enclosingEngine('float64', REFERENCE_ULPS, options);

const viewOf = (x: Tensor): View<Enclosure> => x.stopGradient().view as View<Enclosure>;

/** The interval of each element, in row-major order. */
export function enclosureOf(x: Tensor): { readonly low: Float64Array; readonly high: Float64Array } {
  const { buffer, offset } = viewOf(x.copy());
  return { low: buffer.low.subarray(offset), high: buffer.high.subarray(offset) };
}

function middle(x: Tensor): Any {
  const { low, high } = enclosureOf(x);
  const values = low.map((value, i) => (value === high[i] ? value : (value + high[i]) / 2));
  return isFloat(x.dtype) ? array(values, x.shape) : intArray(values, x.shape);
}

/** Twice the bound on either side. */
function widen(x: Tensor, bound: Real): Tensor {
  const { low, high } = enclosureOf(x);
  const by = toFlat(bound);
  const buffer: Enclosure = {
    dtype: x.dtype,
    low: low.map((value, i) => value - 2 * by[i]),
    high: high.map((value, i) => value + 2 * by[i]),
  };
  return new Tensor(x.engine, {
    view: { buffer, shape: x.shape, dtype: x.dtype, strides: contiguousStrides(x.shape), offset: 0 },
  });
}
