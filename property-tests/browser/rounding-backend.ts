import type { Backend, HostArray, Spec, View } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';

/**
 * A Float64 backend whose every result is off by as much as a Float32 backend's may be, up or down by the throw of a coin.
 *
 * What a backend computes differs from the exact result by Σ_j s_j δ_j to first order, over all its roundings: |δ_j| ≤ b_j, the
 * bounds of the contract (spec/rounding), and s_j how much the result depends on that one. If the δ_j are independent with mean
 * 0, then P(|Σ s_j δ_j| > t σ) ≤ 2 exp(−t²/2) with σ² = Σ |s_j|² b_j² (Hoeffding's inequality; for vectors Pinelis's, 1994). This
 * backend draws δ_j = ±b_j, so that the variance of its results is σ² itself. (Higham and Mary 2019 model rounding this way.)
 */
export interface RoundingModel {
  /** The unit roundoff that is imitated. */
  readonly u: number;
  readonly ulps: Backend['ulps'];
  /** True and false, each in half of all cases. */
  readonly coin: () => boolean;
}

/** Only primitives: compositions are made of them, and a kernel is held to the bound of its composition. */
export function withRoundings<B>(exact: Backend<B>, { u, ulps, coin }: RoundingModel): Backend<B> {
  const { kernels } = exact;
  const read = (buffer: B, spec: Spec): HostArray => exact.readSync!(buffer, 0, sizeOf(spec.shape));
  /** The buffer with each element moved by ±bound. */
  const moved = (buffer: B, spec: Spec, bound: (value: number, i: number) => number): B => {
    if (spec.dtype !== 'float64') return buffer;
    const data = read(buffer, spec).map((value, i) => value + (coin() ? 1 : -1) * bound(value, i)) as HostArray;
    return exact.upload(data, 'float64');
  };
  const relative = (units: number) => (value: number) => (Number.isFinite(value) ? units * u * Math.abs(value) : 0);
  /** The same sum of absolute values: what γ_n is relative to. */
  const magnitudes = (inputs: readonly View<B>[], run: (inputs: readonly View<B>[]) => readonly B[], out: Spec) => {
    const absolute = inputs.map((view) => {
      if (view.dtype !== 'float64') return view;
      const [buffer] = kernels.unary([view], { kind: 'abs' }, [view]);
      return { ...view, buffer, offset: 0, strides: contiguous(view.shape) };
    });
    return read(run(absolute)[0], out);
  };
  const gamma = (n: number) => (n * u) / (1 - n * u);
  const exactUnary = new Set(['negative', 'abs', 'sign', 'logicalNot']);
  /** What `ulps` does not name is correctly rounded. */
  const correctly = 1 / 2;

  return {
    ...exact,
    name: 'cpu with roundings',
    upload: (data, dtype) => {
      const kept = exact.upload(data, dtype);
      const spec = { shape: [data.length], dtype };
      return moved(kept, spec, (value) => (Math.fround(value) === value ? 0 : u * Math.abs(value)));
    },
    kernels: {
      unary: (inputs, attrs, outputs) => {
        const units = exactUnary.has(attrs.kind) ? 0 : 2 * (ulps[attrs.kind as keyof typeof ulps] ?? correctly);
        return [moved(kernels.unary(inputs, attrs, outputs)[0], outputs[0], relative(units))];
      },
      binary: (inputs, attrs, outputs) => {
        const chosen = attrs.kind === 'maximum' || attrs.kind === 'minimum';
        const units = chosen ? 0 : 2 * (ulps[attrs.kind as keyof typeof ulps] ?? correctly);
        return [moved(kernels.binary(inputs, attrs, outputs)[0], outputs[0], relative(units))];
      },
      reduce: (inputs, attrs, outputs) => {
        const result = kernels.reduce(inputs, attrs, outputs)[0];
        if (attrs.kind !== 'sum') return [result];
        const terms = attrs.axes.reduce((n, axis) => n * inputs[0].shape[axis], 1);
        const sizes = magnitudes(inputs, (x) => kernels.reduce(x, attrs, outputs), outputs[0]);
        return [moved(result, outputs[0], (_, i) => gamma(Math.max(0, terms - 1)) * sizes[i])];
      },
      scatterAdd: (inputs, attrs, outputs) => {
        const terms = sizeOf(inputs[1].shape);
        const sizes = magnitudes(inputs, (x) => kernels.scatterAdd(x, attrs, outputs), outputs[0]);
        return [moved(kernels.scatterAdd(inputs, attrs, outputs)[0], outputs[0], (_, i) => gamma(terms) * sizes[i])];
      },
      fill: (inputs, attrs, outputs) => {
        const rounded = Math.fround(attrs.value) !== attrs.value;
        return [moved(kernels.fill(inputs, attrs, outputs)[0], outputs[0], relative(rounded ? 1 : 0))];
      },
      select: kernels.select,
      copy: kernels.copy,
      gather: kernels.gather,
      cast: kernels.cast,
    },
  };
}

const contiguous = (shape: readonly number[]): number[] => shape.map((_, axis) => sizeOf(shape.slice(axis + 1)));
