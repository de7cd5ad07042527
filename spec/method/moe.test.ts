import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { claimWithin } from '../../property-tests/kit/within.ts';
import { array, boolArray, fromFunction, intArray, type Real, SpecError, toFlat } from '../array.ts';
import { relu } from '../ops/elementwise.ts';
import { assign, capacityOf, combine, dispatch } from './dispatch.ts';
import { type Expert, feedForward } from './expert.ts';
import { topKGate } from './gate.ts';
import { gamma } from './linear-algebra.ts';
import { routerZLoss, switchBalanceLoss, topKBalanceLoss } from './losses.ts';
import { moeLayer } from './moe-layer.ts';
import { upcycle, upcycleReceipt } from './upcycle.ts';

/** Logits with softmax p: their logarithms. */
const logitsOf = (p: number[][]): Real => array(p.flat().map(Math.log), [p.length, p[0].length]);
const drawn = (shape: number[]) =>
  fc
    .array(fc.integer({ min: -64, max: 64 }), {
      minLength: shape.reduce((a, b) => a * b, 1),
      maxLength: shape.reduce((a, b) => a * b, 1),
    })
    .map((values) =>
      array(
        values.map((v) => v / 32),
        shape,
      ),
    );

describe('topKGate', () => {
  it('keeps the two largest of 1/2, 1/8, 3/8 and divides them by 7/8', () => {
    const gate = topKGate(logitsOf([[0.5, 0.125, 0.375]]), 2);
    expect(toFlat(gate.chosen)).toEqual([0, 2]);
    // exp(log p) is good to about 2u, softmax adds 4 roundings, renormalising 2.
    claimWithin(toFlat(gate.gates), [4 / 7, 0, 3 / 7], gamma(10), 'gates');
  });
  it('gives p itself for k = 1, and without renormalising', () => {
    const logits = logitsOf([[0.5, 0.125, 0.375]]);
    claimWithin(toFlat(topKGate(logits, 1).gates), [0.5, 0, 0], gamma(10), 'k = 1');
    const plain = topKGate(logits, 2, { renormalize: false });
    claimWithin(toFlat(plain.gates), [0.5, 0, 0.375], gamma(10), 'plain');
  });
  it('breaks ties to the lowest index', () => {
    expect(toFlat(topKGate(array([1, 1, 1, 1], [1, 4]), 2).chosen)).toEqual([0, 1]);
    expect(toFlat(topKGate(array([0, 3, 1, 3], [1, 4]), 3).chosen)).toEqual([1, 3, 2]);
  });
  it('lets padding choose nobody', () => {
    const gate = topKGate(array([1, 2, 2, 1], [2, 2]), 1, { mask: boolArray([0, 1]) });
    expect(toFlat(gate.chosen)).toEqual([-1, 0]);
    expect(toFlat(gate.gates).slice(0, 2)).toEqual([0, 0]);
    expect(toFlat(gate.probabilities).slice(0, 2)).toEqual([0, 0]);
  });
  it('refuses k outside 1 … E, no experts, and a mask of another length', () => {
    for (const k of [0, 3, 1.5]) expect(() => topKGate(array([1, 2], [1, 2]), k)).toThrow(SpecError);
    expect(() => topKGate(array([], [2, 0]), 1)).toThrow(SpecError);
    expect(() => topKGate(array([1, 2], [1, 2]), 1, { mask: boolArray([1, 1]) })).toThrow(SpecError);
  });
  it('takes an empty batch', () => {
    expect(topKGate(array([], [0, 3]), 2).gates.shape).toEqual([0, 3]);
  });
});

describe('capacity', () => {
  it('is ⌈factor · tokens · k / E⌉', () => {
    expect(capacityOf(1, 5, 2, 4)).toBe(3);
    expect(capacityOf(1.1, 10, 1, 1)).toBe(11);
    expect(capacityOf(5 / 3, 3, 1, 1)).toBe(5);
    expect(capacityOf(1, 2_000_003, 1, 2)).toBe(1_000_002);
    expect(capacityOf(1, 8, 2, 4)).toBe(4);
    expect(capacityOf(null, 5, 2, 4)).toBe(Number.POSITIVE_INFINITY);
    expect(() => capacityOf(0, 5, 2, 4)).toThrow(SpecError);
  });
  it('fills slots token by token and drops Σ max(0, load − C)', () => {
    const chosen = intArray([0, 1, 1, 0, 0, 1, -1, -1], [4, 2]);
    const { served, load, dropped } = assign(chosen, 2, 2);
    expect(toFlat(load)).toEqual([3, 3]);
    expect(dropped).toBe(2);
    expect(served[0]).toEqual([
      { token: 0, slot: 0 },
      { token: 1, slot: 1 },
    ]);
  });
  it('drops as many as the formula says, and never when dropless', () => {
    const cases = fc.record({
      experts: fc.integer({ min: 1, max: 5 }),
      tokens: fc.integer({ min: 0, max: 8 }),
      capacity: fc.integer({ min: 0, max: 6 }),
      seed: fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
    });
    fc.assert(
      fc.property(cases, ({ experts, tokens, capacity, seed }) => {
        const chosen = intArray(
          seed.slice(0, tokens).map((value) => value % experts),
          [tokens, 1],
        );
        const { load, dropped, served } = assign(chosen, experts, capacity);
        expect(dropped).toBe(toFlat(load).reduce((sum, l) => sum + Math.max(0, l - capacity), 0));
        expect(served.every((slots) => slots.length <= capacity)).toBe(true);
        expect(assign(chosen, experts).dropped).toBe(0);
      }),
    );
  });
  it('dispatch then combine with gates 1/k is the identity on tokens that kept all slots', () => {
    const cases = fc.tuple(
      drawn([5, 3]),
      drawn([5, 4]),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 5 }),
    );
    fc.assert(
      fc.property(cases, ([x, logits, k, capacity]) => {
        const { chosen } = topKGate(logits, k);
        const assignment = assign(chosen, 4, capacity);
        const even = fromFunction([5, 4], () => 1 / k);
        const y = combine(dispatch(x, assignment), even, assignment);
        const slots = Array.from({ length: 5 }, (_, t) => assignment.served.flat().filter((s) => s.token === t).length);
        for (let t = 0; t < 5; t++) {
          if (slots[t] < k) continue;
          for (let j = 0; j < 3; j++) {
            // 1/k is rounded, then k products and k − 1 sums.
            claimWithin([y.get(t, j)], [x.get(t, j)], gamma(k + 1) * Math.abs(x.get(t, j)), `token ${t}`);
          }
        }
      }),
    );
  });
});

const expert = (w1: number[], b1: number[], w2: number[], b2: number[]): Expert => ({
  fc1: { weight: array(w1, [2, b1.length]), bias: array(b1) },
  fc2: { weight: array(w2, [b1.length, 2]), bias: array(b2) },
});

describe('moeLayer', () => {
  // FFN_0(x) = relu(x0) · (1, 1);  FFN_1(x) = (relu(x1), 5)
  const experts = [expert([1, 0], [0], [1, 1], [0, 0]), expert([0, 1], [0], [1, 0], [0, 5])];
  const router = array([0, 0, 0, 0], [2, 2]);
  const x = array([2, 4, -1, 6], [2, 2]);

  it('mixes the two experts half and half under a router that does not care', () => {
    const { output } = moeLayer(x, { router, experts }, { k: 2, activation: relu });
    expect(toFlat(output)).toEqual([3, 3.5, 3, 2.5]);
  });
  it('drops what overflows: with k = 1 ties send both tokens to expert 0, which has room for one', () => {
    const result = moeLayer(x, { router, experts }, { k: 1, activation: relu, capacityFactor: 1 });
    expect(result.assignment.dropped).toBe(1);
    expect(toFlat(result.output)).toEqual([1, 1, 0, 0]);
  });
  it('does not count padding in the capacity, and gives it 0', () => {
    const three = array([9, 9, 2, 4, 3, 1], [3, 2]);
    const options = { k: 1, activation: relu, capacityFactor: 1, mask: boolArray([0, 1, 1]) };
    const { output, assignment } = moeLayer(three, { router, experts }, options);
    // Two tokens, so room for one; three would have made it two.
    expect(assignment.dropped).toBe(1);
    expect(toFlat(assignment.load)).toEqual([2, 0]);
    expect(toFlat(output)).toEqual([0, 0, 1, 1, 0, 0]);
  });
  it('equals dispatch, experts, combine', () => {
    const cases = fc.tuple(drawn([4, 2]), drawn([2, 2]), fc.constantFrom(1, 2), fc.constantFrom(null, 0.5, 1));
    fc.assert(
      fc.property(cases, ([tokens, W, k, capacityFactor]) => {
        const { output, gate, assignment } = moeLayer(tokens, { router: W, experts }, { k, capacityFactor });
        const answers = dispatch(tokens, assignment).map((rows, e) => feedForward(rows, experts[e]));
        expect(toFlat(combine(answers, gate.gates, assignment))).toEqual(toFlat(output));
      }),
      { numRuns: 50 },
    );
  });
  it('refuses a mixture without experts', () => {
    expect(() => moeLayer(x, { router: array([], [2, 0]), experts: [] }, { k: 1 })).toThrow(SpecError);
  });
});

describe('upcycle', () => {
  const dense = expert([1, -2, 0.5, 3], [0.25, -1], [1, 2, -3, 0.5], [0.5, -0.125]);
  it('copies exactly, and not the storage', () => {
    const [a, b] = upcycle(dense, 2);
    a.fc1.weight.set(0, 0, 9);
    expect(toFlat(b.fc1.weight)).toEqual(toFlat(dense.fc1.weight));
    expect(() => upcycle(dense, 0)).toThrow(SpecError);
  });
  it('computes the dense function within γ_{2k}', () => {
    fc.assert(
      fc.property(drawn([4, 2]), drawn([2, 5]), fc.integer({ min: 2, max: 5 }), (x, router, k) => {
        const { error, bound } = upcycleReceipt(x, router, dense, 5, { k });
        expect(error).toBeLessThanOrEqual(bound);
      }),
      { numRuns: 50 },
    );
  });
  it('does not for k = 1 without renormalising, and does with it', () => {
    const x = array([1, 2], [1, 2]);
    const router = array([1, 0, 0, 1], [2, 2]);
    expect(upcycleReceipt(x, router, dense, 2, { k: 1 }).error).toBeGreaterThan(0.01);
    expect(upcycleReceipt(x, router, dense, 2, { k: 1, renormalize: true }).error).toBe(0);
  });
  it('shows noise', () => {
    const [, second] = upcycle(dense, 2, (e, layer, part) => (e === 1 && layer === 'fc2' && part === 'bias' ? 1 : 0));
    expect(toFlat(second.fc2.bias)).toEqual([1.5, 0.875]);
  });
});

describe('losses', () => {
  it('switch balance is 1 at equal loads and equal mean probabilities, E when all go to one', () => {
    const balanced = logitsOf([
      [0.75, 0.25],
      [0.25, 0.75],
    ]);
    // 2 tokens, 2 experts: about ten roundings of numbers of size 1.
    claimWithin([switchBalanceLoss(topKGate(balanced, 1))], [1], gamma(16), 'balanced');
    const one = array([1000, 0, 1000, 0], [2, 2]);
    expect(switchBalanceLoss(topKGate(one, 1))).toBe(2);
  });
  it('switch balance falls below 1: 7/8 where a quarter of the tokens is sure, the others hardly prefer the other', () => {
    const logits = array(
      [800, 0, 0, 0, 0, 0, 0, 0].map((z, i) => (i >= 2 && i % 2 === 1 ? 1e-9 : z)),
      [4, 2],
    );
    // The limit at exactly even odds is 7/8; preferring by 1e-9 moves it by less than 1e-9.
    claimWithin([switchBalanceLoss(topKGate(logits, 1))], [7 / 8], 1e-9, 'below 1');
  });
  it('switch balance is never below 1/E, nor at it for E ≥ 2', () => {
    const cases = fc.integer({ min: 2, max: 4 }).chain((experts) => drawn([5, experts]));
    fc.assert(
      fc.property(cases, (logits) => {
        expect(switchBalanceLoss(topKGate(logits, 1))).toBeGreaterThan(1 / logits.shape[1]);
      }),
    );
  });
  it('top-k balance is 1 when slots and probabilities are even, whatever k is', () => {
    const logits = array([2, 2, 0, 0, 0, 0, 2, 2], [2, 4]);
    claimWithin([topKBalanceLoss(topKGate(logits, 2))], [1], gamma(24), 'k = 2');
    claimWithin([topKBalanceLoss(topKGate(logits, 4))], [1], gamma(24), 'k = 4');
  });
  it('z-loss is the mean of (log Σ exp z)²', () => {
    claimWithin(
      [routerZLoss(array([0, 0, 1, 1], [2, 2]))],
      [(Math.LN2 ** 2 + (1 + Math.LN2) ** 2) / 2],
      gamma(16),
      'z',
    );
    expect(routerZLoss(array([1000, 1000 - 800], [1, 2]))).toBe(1e6);
  });
  it('padding changes none of them, and without tokens they are 0', () => {
    fc.assert(
      fc.property(drawn([3, 3]), drawn([2, 3]), (real, padding) => {
        const both = array([...toFlat(padding).slice(0, 3), ...toFlat(real), ...toFlat(padding).slice(3)], [5, 3]);
        const mask = boolArray([0, 1, 1, 1, 0]);
        const [gate, padded] = [topKGate(real, 2), topKGate(both, 2, { mask })];
        expect(switchBalanceLoss(padded, mask)).toBe(switchBalanceLoss(gate));
        expect(topKBalanceLoss(padded, mask)).toBe(topKBalanceLoss(gate));
        expect(routerZLoss(both, mask)).toBe(routerZLoss(real));
        const none = boolArray([0, 0, 0]);
        const nobody = topKGate(real, 2, { mask: none });
        expect([switchBalanceLoss(nobody, none), topKBalanceLoss(nobody, none), routerZLoss(real, none)]).toEqual([
          0, 0, 0,
        ]);
      }),
      { numRuns: 50 },
    );
  });
});
