import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { claimWithin, gamma } from '../../property-tests/kit/within.ts';
import { engine } from '../engine.ts';
import { norm } from '../linalg/matrix.ts';
import { readTogether } from '../pending.ts';
import { key, normal } from '../random.ts';
import { type OmoeOptions, omoeDefaults } from './options.ts';
import { projectAllAgainstUpdates } from './projector/index.ts';
import { projectOnDevice } from './update-on-device.ts';
import { projectAgainstLearnt } from './update-side.ts';

const t = engine(cpu(), { dtype: 'float64' });
const options: OmoeOptions = { ...omoeDefaults, side: 'update' };

/** E experts of so many entries; `shared` of their moves is the same for all, so that they are alike, and some did not move. */
const drawn = fc.record({
  experts: fc.integer({ min: 1, max: 5 }),
  entries: fc.integer({ min: 8, max: 40 }),
  shared: fc.constantFrom<number>(0, 0.5, 0.95),
  still: fc.integer({ min: 0, max: 31 }),
  scale: fc.constantFrom(1e-30, 1, 1e30),
  seed: fc.nat(1000),
});

function make({
  experts,
  entries,
  shared,
  still,
  scale,
  seed,
}: typeof drawn extends fc.Arbitrary<infer T> ? T : never) {
  const common = normal(key(seed), entries);
  const learnt = Array.from({ length: experts }, (_, j) =>
    normal(key(1000 * seed + j + 1), entries).map((x, k) =>
      (still >> j) & 1 ? 0 : scale * (shared * common[k] + (1 - shared) * x),
    ),
  );
  const updates = learnt.map((_, j) => normal(key(1000 * seed + j + 500), entries));
  const stack = (rows: readonly Float64Array[]) =>
    t.tensor(Float64Array.from(rows.flatMap((row) => [...row])), [experts, entries, 1]);
  const base = t.zeros([experts, entries, 1]);
  return { learnt, updates, delta: stack(updates), current: stack(learnt), base };
}

describe('projectOnDevice', () => {
  it('is the projection that the host makes', async () => {
    let [served, all] = [0, 0];
    await fc.assert(
      fc.asyncProperty(drawn, async (given) => {
        const { learnt, updates, delta, current, base } = make(given);
        const done = await projectOnDevice(delta, current, base, options);
        all++;
        if (!done) return;
        served++;
        const exact = projectAllAgainstUpdates(updates, learnt);
        const values = (await done.projected.data()) as Float64Array;
        // Both are P x of the span of m unit vectors. Its basis is known up to about κ·n·m·u, κ² ≤ 10⁶ the bound on the
        // eigenvalues; what follows are two passes of m sums of n products each.
        const [n, m] = [given.entries, given.experts];
        const bound = 2 * (1e3 * gamma(8 * n * m) + gamma(4 * m * (n + 10)));
        exact.forEach((row, i) => {
          claimWithin(values.subarray(i * n, (i + 1) * n), row, bound * norm(updates[i]), `expert ${i}`);
        });
      }),
      { numRuns: 200 },
    );
    expect(served).toBeGreaterThan(all / 2);
  });

  it('leaves nothing along what the others have learnt, however alike they are, and measures that', async () => {
    await fc.assert(
      fc.asyncProperty(drawn, async (given) => {
        const { learnt, updates, delta, current, base } = make(given);
        const done = await projectOnDevice(delta, current, base, options);
        if (!done) return;
        const values = (await done.projected.data()) as Float64Array;
        const [n, m] = [given.entries, given.experts];
        // What the second pass leaves: the rounding of its sums of n products, of m multiples, and of the unit vectors.
        const bound = gamma(4 * (n + m + 10)) * m;
        learnt.forEach((move, j) => {
          updates.forEach((update, i) => {
            if (i === j) return;
            const along = move.reduce((sum, x, k) => sum + x * values[i * n + k], 0);
            claimWithin([along], [0], bound * norm(move) * norm(update), `expert ${i} along ${j}`);
          });
        });
        const [leaked] = await readTogether(done.leakage(delta));
        updates.forEach((update, i) => {
          const others = learnt.filter((_, j) => j !== i);
          const hit = Math.hypot(...others.map((move) => move.reduce((sum, x, k) => sum + x * update[k], 0)));
          const whole = Math.hypot(...others.map(norm)) * norm(update);
          if (whole === 0) expect(leaked[i]).toBe(null);
          else claimWithin([leaked[i]!], [hit / whole], gamma(8 * (n + m)), `leakage of ${i}`);
        });
      }),
      { numRuns: 200 },
    );
  });

  it('leaves directions that depend on each other, and numbers that are none, to the host', async () => {
    const same = make({ experts: 3, entries: 8, shared: 1, still: 0, scale: 1, seed: 1 });
    expect(await projectOnDevice(same.delta, same.current, same.base, options)).toBe(null);
    const infinite = t.full([3, 8, 1], Infinity);
    expect(await projectOnDevice(same.delta, infinite, same.base, options)).toBe(null);
    await expect(projectAgainstLearnt(same.delta, infinite, same.base, options, key(0))).rejects.toThrow(/finite/);
  });
});
