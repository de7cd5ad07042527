import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { matricesOf } from '../../property-tests/arbitraries/matrices.ts';
import { claimWithin, gamma } from '../../property-tests/kit/within.ts';
import { array, toFlat } from '../../spec/array.ts';
import * as spec from '../../spec/method/project-update.ts';
import { engine } from '../engine.ts';
import { withoutBiasRow } from '../ops/orthogonal-update.ts';
import { omoeDefaults } from './options.ts';
import { normMatched, renorm } from './projector/index.ts';
import { rescale } from './protect.ts';

/**
 * `omoe/optim/arrays` offers renorm and norm-matched for plain arrays, as it has no engine; training rescales on the device. Both
 * are held to the one definition here, so that the two cannot drift apart.
 */
const t = engine(cpu(), { dtype: 'float64' });
const rows = 3;
const cols = 4;

/** Δ and what a projection may have left of it: anything, all, a thousandth, as good as nothing, nothing. */
const cases = () =>
  fc
    .record({
      delta: matricesOf(rows, cols, [-6, 0, 6]),
      other: matricesOf(rows, cols, [-6, 0, 6]),
      // Well away from 1e-6 of ‖Δ‖, which rounding could decide.
      share: fc.constantFrom(null, 1, 2 ** -10, 2 ** -21, 0),
      limit: fc.constantFrom(1, 2, 10, 1e4),
    })
    .map(({ delta, other, share, limit }) => ({
      delta: delta.data,
      after: share === null ? other.data : delta.data.map((x) => share * x),
      limit,
    }));

/** Two norms of 12 numbers and a quotient, on either side, then one product: under 60 roundings. */
const rounding = gamma(60);

it('renorm and norm-matched of arrays, of the device and of the definition are one', async () => {
  let [rescaled, vanished] = [0, 0];
  await fc.assert(
    fc.asyncProperty(cases(), async ({ delta, after, limit }) => {
      const [before, left] = [array(delta, [rows, cols]), array(after, [rows, cols])];
      const exact = spec.renorm(before, left, true, limit);
      if (Math.abs(exact.normKept - 1e-6) < 1e-8) return;
      const onHost = renorm(after, delta, limit);
      expect(onHost.vanished).toBe(exact.vanished);
      const size = Math.max(...toFlat(exact.delta).map(Math.abs), 0);
      claimWithin([onHost.normKept], [exact.normKept], rounding * exact.normKept, 'norm kept');
      claimWithin([onHost.factor], [exact.factor], rounding * exact.factor, 'factor');
      claimWithin(onHost.update, toFlat(exact.delta), rounding * size, 'renormed');
      const matched = toFlat(spec.normMatched(before, exact.normKept));
      const length = Math.max(...matched.map(Math.abs), 0);
      claimWithin(normMatched(after, delta), matched, rounding * length, 'norm-matched');

      const linear = (data: Float64Array) => withoutBiasRow(t.tensor(data, [1, rows, cols]));
      for (const control of ['none', 'norm-matched'] as const) {
        const options = { ...omoeDefaults, renorm: true, renormLimit: limit, control };
        const done = rescale(linear(delta), linear(after), options);
        const applied = [...(await done.delta.weight.data()), ...(await done.delta.bias.data())];
        const expected = control === 'none' ? onHost.update : normMatched(after, delta);
        claimWithin(
          applied,
          expected,
          2 * rounding * (control === 'none' ? size : length),
          `on the device, ${control}`,
        );
        claimWithin(await done.normKept.data(), [onHost.normKept], 2 * rounding * onHost.normKept, 'kept there');
        expect([...(await done.vanished.data())].map(Boolean)).toEqual([onHost.vanished]);
      }
      if (onHost.factor > 1) rescaled++;
      if (onHost.vanished) vanished++;
    }),
    { numRuns: 200 },
  );
  expect(rescaled).toBeGreaterThan(20);
  expect(vanished).toBeGreaterThan(5);
});
