import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { ShapeError, UsageError } from '../errors.ts';
import { feedForward, initFeedForward } from '../nn/feed-forward.ts';
import { key } from '../random.ts';
import { capacitySteps, planDispatch } from './dispatch.ts';
import { everyExpert, runExperts } from './experts.ts';
import { topKGate } from './gate.ts';
import { routerZ, topKBalance } from './losses.ts';
import { moe } from './moe.ts';
import { upcycle, upcycleError } from './upcycle.ts';

/** Ends of the range and errors; the laws are in property-tests/laws/{gate,dispatch,losses}.ts. */
/** `toBeCloseTo(…, 12)`: a value of size 1 that passed less than γ₄₀₀₀ = 4.4e-13 of Float64 rounding. */
const t = engine(cpu(), { dtype: 'float64' });

describe('topKGate', () => {
  it('refuses k outside 1 … E, no experts, and logits of another rank', () => {
    for (const k of [0, 3, 1.5, Number.NaN]) expect(() => topKGate(t.zeros([2, 2]), { k })).toThrow(UsageError);
    expect(() => topKGate(t.zeros([2, 0]), { k: 1 })).toThrow(/at least one expert/);
    expect(() => topKGate(t.zeros([2]), { k: 1 })).toThrow(ShapeError);
  });
});

describe('planDispatch', () => {
  const gate = (tokens: number) => topKGate(t.zeros([tokens, 2]), { k: 1 });
  it('takes no tokens at all', async () => {
    expect([...(await planDispatch(gate(0), 2, 1).offsets.data())]).toEqual([0, 0, 0]);
  });
  it('0.6 · 45 slots are 27, not 28: what is whole in decimals stays whole', async () => {
    const plan = planDispatch(topKGate(t.zeros([45, 1]), { k: 1 }), 1, 0.6);
    expect(await plan.dropped.item()).toBe(45 - 27);
    expect([...(await plan.gateOfRow.data())]).toEqual([...new Array(27).fill(1), ...new Array(18).fill(0)]);
  });
  it('a share of more than a million slots is rounded up as a small one is', () => {
    expect(capacitySteps(1, 2, 2_000_003)).toHaveLength(1_000_002); // ⌈1,000,001.5⌉
    expect([...capacitySteps(5 / 3, 2, 9)]).toEqual([1, 2, 3, 4, 5, 7, 8, 9]); // ⌈5n/6⌉ is 5 for n = 5 and for n = 6
  });
  it('refuses a capacity factor that is not above 0', () => {
    for (const factor of [0, -1, Number.NaN, Infinity])
      expect(() => planDispatch(gate(2), 2, factor)).toThrow(UsageError);
  });
});

describe('moe', () => {
  const parameters = upcycle(initFeedForward(t, key(1), 3, 4), { experts: 4, key: key(2) });
  const x = t.normal(key(3), [5, 3]);

  it('right after an upcycle computes the dense function, whatever the router does', async () => {
    const dense = initFeedForward(t, key(1), 3, 4);
    const { output } = moe(x, parameters, { k: 2 });
    const error = await upcycleError(x, dense, output, 'gelu', t.ones([5], 'bool')).item();
    const size = Math.max(...(await feedForward(x, dense).abs().data()));
    // γ_{2k} for gates and mixing (spec/method/upcycle.ts); the experts' rows round as the dense rows do, γ_{3+4+8} each.
    expect(error).toBeLessThan(((2 * 2 + 30) * 2 ** -53 * 2 * size) / (1 - 34 * 2 ** -53));
  });
  it('noise makes the copies differ, and a seed makes them again', async () => {
    const noisy = () => upcycle(initFeedForward(t, key(1), 3, 4), { experts: 2, key: key(2), noise: 0.1 });
    const [first, again] = [await noisy().fc1.weight.data(), await noisy().fc1.weight.data()];
    expect(first).toEqual(again);
    expect(first.slice(0, 12)).not.toEqual(first.slice(12));
    expect(() => upcycle(initFeedForward(t, key(1), 3, 4), { experts: 0, key: key(2) })).toThrow(UsageError);
  });
  it('every expert on every token agrees with the routed rows', async () => {
    const { plan, flow } = moe(x, parameters, { k: 1 });
    const all = await everyExpert(x, parameters, 'gelu').data();
    const [tokens, owners, rows] = await Promise.all([
      plan.tokenOfRow.data(),
      plan.expertOfRow.data(),
      flow.fc2.output.data(),
    ]);
    const expected = Array.from(tokens, (token, row) => all.slice((owners[row] * 5 + token) * 3).slice(0, 3));
    expected
      .flatMap((row) => [...row])
      .forEach((value, i) => {
        expect(rows[i]).toBeCloseTo(value, 12);
      });
  });
  it('gradients stay finite where experts have no token, and where all is padding', async () => {
    const loss = t.grad((p: typeof parameters) => {
      const mask = t.zeros([5], 'bool');
      const { output, gate } = moe(x, p, { k: 1, mask });
      return output.sum().add(topKBalance(gate, mask)).add(routerZ(gate, mask));
    });
    const { router, fc1, fc2 } = loss(parameters);
    for (const gradient of [router.weight, fc1.weight, fc1.bias, fc2.weight, fc2.bias])
      expect((await gradient.data()).every((g) => g === 0)).toBe(true);
  });
  it('refuses parameters that do not belong together', () => {
    expect(() => moe(t.zeros([5, 2]), parameters, { k: 1 })).toThrow(ShapeError);
    expect(() => moe(x, { ...parameters, router: { weight: t.zeros([3, 3]) } }, { k: 1 })).toThrow(ShapeError);
  });
  it('runs no row at all', () => {
    const none = moe(t.zeros([0, 3]), parameters, { k: 2 });
    expect(none.output.shape).toEqual([0, 3]);
    expect(runExperts(t.zeros([0, 3]), parameters, none.plan, 'relu').fc1.output.shape).toEqual([0, 4]);
  });
});
