import fc from 'fast-check';
import type { Int, Real } from '../../spec/array.ts';
import * as ops from '../../spec/ops/index.ts';
import {
  moeCombineGradientBound,
  moeDispatchGradientBound,
  slotGatesGradientBound,
} from '../../spec/rounding/routing.ts';
import * as moves from '../../src/ops/dispatch.ts';
import * as gate from '../../src/ops/gate.ts';
import { sizes } from '../arbitraries/shapes.ts';
import { halves, ints, moderate, nearOne, type RealsOf, realsIn, realsOf } from '../arbitraries/values.ts';
import { type Call, call, type OperationCase } from './case.ts';
import { permutations, type Routes, routes, spoiltBehind } from './routing.ts';

/** What flows back through the gate, and through the moves of rows. */

/** Choices may repeat, or be of nobody: what that means is defined too. */
const gateGradientCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc
    .tuple(sizes(0, maxSize), sizes(1, maxSize + 2), sizes(0, 3), fc.boolean())
    .chain(([tokens, experts, slots, renormalize]) =>
      fc
        .record({
          // So near each other that no probability underflows: times an infinite g that would be 0 · ∞ in one precision alone.
          logits: realsOf([tokens, experts], fc.oneof(halves(), moderate('float32'))),
          gates: values([tokens, slots]),
          chosen: ints([tokens, slots], fc.integer({ min: -1, max: experts })),
          g: values([tokens, slots]),
        })
        .map((inputs) =>
          call<{ logits: Real; gates: Real; chosen: Int; g: Real }>({
            attrs: renormalize ? 'renormalised' : '',
            inputs,
            run: (t, { logits, gates, chosen, g }) =>
              t.run(gate.topKGateGradient, [logits, gates, chosen, g], { renormalize }),
            exact: ({ logits, gates, chosen, g }) => [ops.slotGatesGradient(logits, gates, chosen, g, renormalize)],
            bound: ({ logits, gates, chosen, g }, u, ulps) => [
              slotGatesGradientBound(logits, gates, chosen, g, renormalize, u, ulps),
            ],
          }),
        ),
    );

const dispatchGradientCalls = (values: RealsOf, maxSize: number): fc.Arbitrary<Call> =>
  fc.tuple(routes(maxSize), sizes(0, maxSize)).chain(([{ tokens, slots, rowOfSlot }, width]) =>
    values([tokens * slots, width]).map((g) =>
      call({
        attrs: '',
        inputs: { g, rowOfSlot },
        whole: permutations,
        run: (t, { g, rowOfSlot }) => t.run(moves.moeDispatchGradient, [g, rowOfSlot], {}),
        exact: ({ g, rowOfSlot }) => [ops.moeDispatchGradient(g, rowOfSlot)],
        bound: ({ g, rowOfSlot }, u) => [moeDispatchGradientBound(g, rowOfSlot, u)],
      }),
    ),
  );

type CombineInputs = Omit<Routes, 'tokens' | 'slots'> & { rows: Real; gates: Real; g: Real };
/** Whatever stands in the rows of nobody, and in the gates that lead there, is never seen. */
const combineGradientCalls = (
  values: RealsOf,
  maxSize: number,
  ofNobody: readonly number[] = [Number.NaN, Infinity],
): fc.Arbitrary<Call> =>
  fc.tuple(routes(maxSize), sizes(0, maxSize)).chain(([{ tokens, slots, ...route }, width]) =>
    fc
      .record({
        rows: values([tokens * slots, width]),
        gates: values([tokens, slots]),
        g: values([tokens, width]),
        garbage: fc.option(fc.constantFrom(...ofNobody)),
      })
      .map(({ rows, gates, g, garbage }) =>
        call<CombineInputs>({
          attrs: '',
          inputs: { ...route, ...spoiltBehind(route, rows, gates, garbage), g },
          whole: permutations,
          run: (t, { rows, gates, g, rowOfSlot, tokenOfRow, slotOfRow, offsets }) =>
            t.run(moves.moeCombineGradient, [rows, gates, g, rowOfSlot, tokenOfRow, slotOfRow, offsets], {}),
          exact: ({ rows, gates, g, rowOfSlot, offsets }) => {
            const gradients = ops.moeCombineGradient(rows, gates, g, rowOfSlot, offsets);
            return [gradients.rows, gradients.gates];
          },
          bound: ({ rows, gates, g, rowOfSlot, offsets }, u) => {
            const bounds = moeCombineGradientBound(rows, gates, g, rowOfSlot, offsets, u);
            return [bounds.rows, bounds.gates];
          },
        }),
      ),
  );

const topKGateGradient: OperationCase = {
  calls: (dtype) => gateGradientCalls(realsIn(dtype), 5),
  gradients: { calls: gateGradientCalls(nearOne, 2), inputs: ['logits', 'gates', 'g'], smooth: true },
};
const moeDispatchGradient: OperationCase = {
  calls: (dtype) => dispatchGradientCalls(realsIn(dtype), 5),
  gradients: { calls: dispatchGradientCalls(nearOne, 3), inputs: ['g'], smooth: true },
};
const moeCombineGradient: OperationCase = {
  calls: (dtype) => combineGradientCalls(realsIn(dtype), 5),
  // finite: a difference at NaN would be NaN
  gradients: { calls: combineGradientCalls(nearOne, 2, [1, 100]), inputs: ['rows', 'gates', 'g'], smooth: true },
};

export const routingGradients = { topKGateGradient, moeDispatchGradient, moeCombineGradient };
