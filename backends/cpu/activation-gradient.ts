import { allocate, sizeOf } from '../../src/shape.ts';
import type { CompositeAttrs, HostKernel } from './kernel.ts';
import type { Activation, BinaryRow } from './rows.ts';
import { geluSlope, geluTanhSlope, logistic, sigmoidSlope, siluSlope } from './scalar.ts';
import { forEachLongRow } from './walk.ts';

/**
 * g act'(z), each activation as the loop over one row, as in rows.ts: a is g and b is z. y = act(z) is not read: the slope is
 * computed from z in Float64, and what is stored is rounded once.
 */
const slopeRows: { readonly [K in Activation]: BinaryRow } = {
  relu: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * (b[q] > 0 ? 1 : 0);
  },
  sigmoid: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * sigmoidSlope(b[q]);
  },
  silu: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * siluSlope(b[q]);
  },
  softplus: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * logistic(b[q]);
  },
  gelu: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * geluSlope(b[q]);
  },
  geluTanh: (y, at, n, a, p, s, b, q, t) => {
    for (let i = 0; i < n; i++, p += s, q += t) y[at + i] = a[p] * geluTanhSlope(b[q]);
  },
};

export const activationGradient: HostKernel<CompositeAttrs['activationGradient']> = (
  [g, z],
  { activation },
  [output],
) => {
  const result = allocate(output.dtype, sizeOf(output.shape));
  const row = slopeRows[activation];
  forEachLongRow(output.shape, [g, z], (at, [p, q], length, [s, t]) =>
    row(result, at, length, g.buffer, p, s, z.buffer, q, t),
  );
  return [result];
};
