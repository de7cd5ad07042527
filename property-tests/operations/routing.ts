import fc from 'fast-check';
import { array, at, type Int, intArray, type Real, toFlat } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import { moeCombineBound } from '../../spec/rounding/contractions.ts';
import { slotGatesBound } from '../../spec/rounding/normalisations.ts';
import * as moves from '../../src/ops/dispatch.ts';
import * as gate from '../../src/ops/gate.ts';
import * as plan from '../../src/ops/plan.ts';
import { offsetsOf, sizes } from '../arbitraries/shapes.ts';
import {
  distinctReals,
  type FloatType,
  halves,
  ints,
  nearOne,
  type RealsOf,
  reals,
  realsIn,
  realsOf,
} from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';

/** The gate, and tokens to their experts and back. */

const gateCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc
    .tuple(sizes(0, maxSize), sizes(1, maxSize + 2), fc.nat(), fc.boolean())
    .chain(([tokens, experts, part, renormalize]) =>
      values([tokens, experts]).map((logits) => {
        const k = 1 + (part % experts);
        return call({
          attrs: `k ${k}${renormalize ? ', renormalised' : ''}`,
          inputs: { logits },
          run: (t, { logits }) => t.run(gate.topKGate, [logits], { k, renormalize }),
          exact: ({ logits }) => {
            const { gates, chosen } = ops.slotGates(logits, k, renormalize);
            return [gates, chosen];
          },
          bound: ({ logits }, u, ulps) => [slotGatesBound(logits, k, renormalize, u, ulps), null],
        });
      }),
    );
/** Mostly with ties. */
const scores =
  (dtype: FloatType): RealsOf =>
  (shape) =>
    fc.oneof(realsOf(shape, halves()), realsOf(shape, fc.constantFrom(0, 1)), reals(shape, dtype));
const distinct: RealsOf = (shape) => distinctReals([shape]).map(([x]) => x);

/** The inputs that are one permutation, in one direction or the other. */
export const permutations: readonly string[] = ['rowOfSlot', 'slotOfRow', 'tokenOfRow'];

/** Slots in an order that might be that of their experts, and that order's inverse; the last rows belong to nobody. */
export interface Routes {
  readonly tokens: number;
  readonly slots: number;
  readonly rowOfSlot: Int;
  readonly slotOfRow: Int;
  readonly tokenOfRow: Int;
  readonly offsets: Int;
}
export const routes = (maxSize: number): fc.Arbitrary<Routes> =>
  fc.tuple(sizes(0, maxSize), sizes(0, 3), sizes(0, 3)).chain(([tokens, slots, experts]) => {
    const count = tokens * slots;
    const all = Array.from({ length: count }, (_, slot) => slot);
    return fc
      .tuple(fc.shuffledSubarray(all, { minLength: count, maxLength: count }), offsetsOf(experts, count))
      .map(([order, offsets]) => ({
        tokens,
        slots,
        rowOfSlot: intArray(
          all.map((slot) => order.indexOf(slot)),
          [tokens, slots],
        ),
        slotOfRow: intArray(order),
        tokenOfRow: intArray(order.map((slot) => Math.floor(slot / slots))),
        offsets: intArray(offsets),
      }));
  });

const planCalls: fc.Arbitrary<Call> = fc
  .tuple(sizes(0, 8), sizes(0, 3), sizes(0, 4))
  .chain(([tokens, slots, experts]) =>
    fc
      .record({
        // Mostly of few experts, so that some are asked by more than they serve.
        chosen: fc.oneof(
          ints([tokens, slots], fc.integer({ min: -2, max: experts })),
          ints([tokens, slots], fc.constantFrom(0, 1)),
        ),
        capacity: fc.oneof({ weight: 3, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.constant(tokens * slots) }),
      })
      .map(({ chosen, capacity }) =>
        call({
          attrs: `${experts} experts`,
          inputs: { chosen, capacity: intArray([capacity], []) },
          run: (t, { chosen, capacity }) => t.run(plan.planDispatch, [chosen, capacity], { experts }),
          exact: ({ chosen, capacity }) => {
            const by = ops.planDispatch(chosen, at(capacity, []), experts);
            return [by.slotOfRow, by.rowOfSlot, by.tokenOfRow, by.expertOfRow, by.offsets, by.load];
          },
        }),
      ),
  );

const dispatchCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(routes(maxSize), sizes(0, maxSize)).chain(([{ tokens, tokenOfRow, rowOfSlot }, width]) =>
    values([tokens, width]).map((x) =>
      call({
        attrs: '',
        inputs: { x, tokenOfRow, rowOfSlot },
        whole: permutations,
        run: (t, { x, tokenOfRow, rowOfSlot }) => t.run(moves.moeDispatch, [x, tokenOfRow, rowOfSlot], {}),
        exact: ({ x, tokenOfRow }) => [ops.moeDispatch(x, tokenOfRow)],
      }),
    ),
  );

/** Rows and gates with `garbage` in the rows of nobody, and in the gates that lead there. */
export function spoiltBehind(
  { offsets, rowOfSlot }: Pick<Routes, 'offsets' | 'rowOfSlot'>,
  rows: Real,
  gates: Real,
  garbage: number | null,
): { rows: Real; gates: Real } {
  const served = at(offsets, [offsets.shape[0] - 1]);
  const spoilt = (x: Real, row: (flat: number) => number): Real =>
    array(
      toFlat(x).map((value, flat) => (garbage === null || row(flat) < served ? value : garbage)),
      x.shape,
    );
  return {
    rows: spoilt(rows, (flat) => Math.floor(flat / rows.shape[1])),
    gates: spoilt(gates, (flat) => toFlat(rowOfSlot)[flat]),
  };
}

const combineCall = (inputs: Omit<Routes, 'tokens' | 'slots'> & { rows: Real; gates: Real }): Call =>
  call({
    attrs: '',
    inputs,
    whole: permutations,
    run: (t, { rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets }) =>
      t.run(moves.moeCombine, [rows, gates, rowOfSlot, tokenOfRow, slotOfRow, offsets], {}),
    exact: ({ rows, gates, rowOfSlot, offsets }) => [ops.moeCombine(rows, gates, rowOfSlot, offsets)],
    bound: ({ rows, gates, rowOfSlot, offsets }, u) => [moeCombineBound(rows, gates, rowOfSlot, offsets, u)],
  });
/** Whatever stands in the rows of nobody, and in the gates that lead there, is never seen. */
const combineCalls = (
  values: RealsOf,
  maxSize: number,
  ofNobody: readonly number[] = [Number.NaN, Infinity],
): fc.Arbitrary<Call> =>
  fc.tuple(routes(maxSize), sizes(0, maxSize)).chain(([{ tokens, slots, ...route }, width]) =>
    fc
      .record({
        rows: values([tokens * slots, width]),
        gates: values([tokens, slots]),
        garbage: fc.option(fc.constantFrom(...ofNobody)),
      })
      .map(({ rows, gates, garbage }) => combineCall({ ...route, ...spoiltBehind(route, rows, gates, garbage) })),
  );

const topKGate: OperationCase = {
  calls: (dtype) => gateCalls(scores(dtype), 5),
  gradients: { calls: gateCalls(distinct, 2), inputs: ['logits'], smooth: true },
};
const planDispatch: OperationCase = { calls: () => planCalls };
const moeDispatch: OperationCase = {
  calls: (dtype) => dispatchCalls(realsIn(dtype), 5),
  gradients: { calls: dispatchCalls(nearOne, 3), inputs: ['x'], smooth: true },
};
const moeCombine: OperationCase = {
  calls: (dtype) => combineCalls(realsIn(dtype), 5),
  // finite: a difference at NaN would be NaN
  gradients: { calls: combineCalls(nearOne, 2, [1, 100]), inputs: ['rows', 'gates'], smooth: true },
};

export const routing = { topKGate, planDispatch, moeDispatch, moeCombine };
