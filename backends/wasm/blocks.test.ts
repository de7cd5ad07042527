import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { firstDifference, worstElement } from '../../property-tests/kit/compare.ts';
import { type Any, array, boolArray, type Int, intArray, type Real, toFlat } from '../../spec/array.ts';
import * as spec from '../../spec/ops/index.ts';
import { attentionBound, attentionGradientBound } from '../../spec/rounding/attention.ts';
import * as gradients from '../../spec/rounding/gradients.ts';
import * as routing from '../../spec/rounding/routing.ts';
import * as bounds from '../../spec/rounding.ts';
import { type Engine, engine } from '../../src/index.ts';
import { matrix, qr } from '../../src/linalg/index.ts';
import { composites } from '../../src/ops/index.ts';
import type { Tensor } from '../../src/tensor.ts';
import { type WasmBackend, wasm } from './index.ts';

/**
 * Sizes at which vectors, tiles, blocks and the chunks of threads end, which the small shapes of the kit do not reach: within
 * the same bounds of the definition, and with the same bits on one thread and on three.
 */

interface Case {
  readonly operation: keyof typeof composites;
  readonly attrs?: object;
  readonly inputs: readonly Any[];
  readonly exact: () => readonly Any[];
  /** For each output; null: not off at all. */
  readonly bound: (u: number, ulps: bounds.Ulps) => readonly (Real | null)[];
}

/** Numbers between −2 and 2 that float32 holds, different ones at every call. */
let drawn = 0;
const next = (): number => Math.fround(2 * Math.sin(12.9898 * ++drawn));
const count = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const reals = (...shape: number[]): Real => array(Array.from({ length: count(shape) }, next), shape);
const ints = (shape: readonly number[], of: (i: number) => number): Int =>
  intArray(
    Array.from({ length: count(shape) }, (_, i) => of(i)),
    shape,
  );

function rowCases(rows: number, width: number): Case[] {
  const [x, g, w, b, slope] = [reals(rows, width), reals(rows, width), reals(width), reals(width), reals(rows)];
  const labels = ints([rows], (i) => (5 * i) % width);
  const epsilon = 0.5;
  return [
    ...[0, 1].flatMap((axis): Case[] => [
      {
        operation: 'softmax',
        attrs: { axis },
        inputs: [x],
        exact: () => [spec.softmax(x, axis)],
        bound: (u, ulps) => [bounds.softmaxBound(x, axis, u, ulps)],
      },
      {
        operation: 'softmaxGradient',
        attrs: { axis },
        inputs: [x, g],
        exact: () => [spec.softmaxGradient(x, g, axis)],
        bound: (u) => [gradients.softmaxGradientBound(x, g, axis, u)],
      },
    ]),
    {
      operation: 'logSoftmax',
      attrs: { axis: 1 },
      inputs: [x],
      exact: () => [spec.logSoftmax(x, 1)],
      bound: (u, ulps) => [bounds.logSoftmaxBound(x, 1, u, ulps)],
    },
    {
      operation: 'layerNorm',
      attrs: { epsilon },
      inputs: [x, w, b],
      exact: () => [spec.layerNorm(x, w, b, epsilon)],
      bound: (u, ulps) => [bounds.layerNormBound(x, w, b, epsilon, u, ulps)],
    },
    {
      operation: 'layerNormGradient',
      attrs: { epsilon },
      inputs: [x, w, g],
      exact: () => spec.layerNormGradient(x, w, g, epsilon),
      bound: (u, ulps) => gradients.layerNormGradientBound(x, w, g, epsilon, u, ulps),
    },
    {
      operation: 'crossEntropy',
      inputs: [x, labels],
      exact: () => [spec.crossEntropy(x, labels)],
      bound: (u, ulps) => [bounds.crossEntropyBound(x, labels, u, ulps)],
    },
    {
      operation: 'crossEntropyGradient',
      inputs: [x, labels, slope],
      exact: () => [spec.crossEntropyGradient(x, labels, slope)],
      bound: (u, ulps) => [gradients.crossEntropyGradientBound(x, labels, slope, u, ulps)],
    },
  ];
}

function routingCases(tokens: number, experts: number, slots: number, width: number): Case[] {
  const logits = reals(tokens, experts);
  const [rows, gates, g, ofGates] = [
    reals(tokens * slots, width),
    reals(tokens, slots),
    reals(tokens, width),
    reals(tokens, slots),
  ];
  // 7 has no factor in common with the number of rows, so this is a permutation.
  const rowOfSlot = ints([tokens, slots], (slot) => (7 * slot) % (tokens * slots));
  const order = Array.from(toFlat(rowOfSlot), (_, row) => toFlat(rowOfSlot).indexOf(row));
  const [slotOfRow, tokenOfRow] = [intArray(order), intArray(order.map((slot) => Math.floor(slot / slots)))];
  const offsets = intArray([0, tokens * slots - 4]);
  const chosen = ints([tokens, slots], (i) => (3 * i) % experts);
  const routes = [rowOfSlot, tokenOfRow, slotOfRow, offsets];
  return [
    ...[true, false].flatMap((renormalize): Case[] => {
      return [
        {
          operation: 'topKGate',
          attrs: { k: slots, renormalize },
          inputs: [logits],
          exact: () => {
            const exact = spec.slotGates(logits, slots, renormalize);
            return [exact.gates, exact.chosen];
          },
          bound: (u, ulps) => [bounds.slotGatesBound(logits, slots, renormalize, u, ulps), null],
        },
        {
          operation: 'topKGateGradient',
          attrs: { renormalize },
          inputs: [logits, gates, chosen, ofGates],
          exact: () => [spec.slotGatesGradient(logits, gates, chosen, ofGates, renormalize)],
          bound: (u, ulps) => [routing.slotGatesGradientBound(logits, gates, chosen, ofGates, renormalize, u, ulps)],
        },
      ];
    }),
    {
      operation: 'moeDispatch',
      inputs: [g, tokenOfRow, rowOfSlot],
      exact: () => [spec.moeDispatch(g, tokenOfRow)],
      bound: () => [null],
    },
    {
      operation: 'moeDispatchGradient',
      inputs: [rows, rowOfSlot],
      exact: () => [spec.moeDispatchGradient(rows, rowOfSlot)],
      bound: (u) => [routing.moeDispatchGradientBound(rows, rowOfSlot, u)],
    },
    {
      operation: 'moeCombine',
      inputs: [rows, gates, ...routes],
      exact: () => [spec.moeCombine(rows, gates, rowOfSlot, offsets)],
      bound: (u) => [bounds.moeCombineBound(rows, gates, rowOfSlot, offsets, u)],
    },
    {
      operation: 'moeCombineGradient',
      inputs: [rows, gates, g, ...routes],
      exact: () => {
        const back = spec.moeCombineGradient(rows, gates, g, rowOfSlot, offsets);
        return [back.rows, back.gates];
      },
      bound: (u) => {
        const bound = routing.moeCombineGradientBound(rows, gates, g, rowOfSlot, offsets, u);
        return [bound.rows, bound.gates];
      },
    },
  ];
}

function attentionCases(batch: number, heads: number, positions: number, dim: number): Case[] {
  const [q, k, v, gy] = [0, 1, 2, 3].map(() => reals(batch, heads, positions, dim));
  const [weights, gweights] = [0, 1].map(() => reals(batch, heads, positions, positions));
  const mask = boolArray(
    Array.from({ length: batch * positions }, (_, i) => Number(i % 5 !== 3)),
    [batch, positions],
  );
  return [
    {
      operation: 'attention',
      inputs: [q, k, v, mask],
      exact: () => [spec.attention(q, k, v, mask), spec.attentionWeights(q, k, mask)],
      bound: (u, ulps) => attentionBound(q, k, v, mask, u, ulps),
    },
    ...[undefined, gweights].map(
      (also): Case => ({
        operation: 'attentionGradient',
        inputs: [weights, q, k, v, gy, ...(also ? [also] : [])],
        exact: () => spec.attentionGradient(weights, q, k, v, gy, also),
        bound: (u, ulps) => attentionGradientBound(weights, q, k, v, gy, also, u, ulps),
      }),
    ),
  ];
}

/** [expert, size, rank], its columns orthonormal up to their rounding. */
function orthonormal(experts: number, size: number, rank: number): Real {
  const each = Array.from({ length: experts }, () => {
    const drawnColumns = Float64Array.from({ length: size * rank }, next);
    return [...qr(matrix(size, rank, drawnColumns)).q.data].map(Math.fround);
  });
  return array(each.flat(), [experts, size, rank]);
}

function updateCases(experts: number, rows: number, cols: number, rank: number): Case[] {
  const [weight, bias] = [reals(experts, rows, cols), reals(experts, cols)];
  const of = (w: Real, b: Real, v: Real, how: spec.OrthogonalUpdate): Case => ({
    operation: 'orthogonalUpdate',
    attrs: how,
    inputs: [w, b, v],
    exact: () => spec.orthogonalUpdate(w, b, v, how),
    bound: (u, ulps) => bounds.orthogonalUpdateBounds(w, b, v, how, u, ulps),
  });
  const onSide = (side: 'output' | 'input', size: number): Case[] => {
    const columns = Math.min(rank, rows, cols);
    const spanned = orthonormal(experts, size, columns);
    // Columns of all lengths; those of the last expert lean on each other, so that its length cannot be foreseen.
    const last = (experts - 1) * size * columns;
    const flat = toFlat(spanned);
    const leaning = array(
      flat.map((x, at) => {
        const length = 2 ** -((at % columns) % 3);
        return length * (at < last || at % columns === 0 ? x : Math.fround((x + flat[at - 1]) / 2));
      }),
      spanned.shape,
    );
    // In the first expert hardly anything lies outside the span.
    const placeOf = (at: number): number => (side === 'output' ? at % cols : Math.floor(at / cols));
    const inside = array(
      toFlat(weight).map((x, at) => Math.fround(at < rows * cols ? spanned.get(0, placeOf(at), 0) + x * 1e-3 : x)),
      weight.shape,
    );
    const small = array(
      toFlat(inside).map((x) => Math.fround(x * 1e-26)),
      weight.shape,
    );
    const how = { side, bias: 'augment', renorm: true, limit: 10 } as const;
    return [
      of(weight, bias, spanned, how),
      // Nothing is foreseen, so nothing is computed again: these are what the kernels themselves give.
      of(weight, bias, spanned, { ...how, renorm: false }),
      of(weight, bias, leaning, how),
      of(inside, bias, spanned, how),
      of(small, spec.multiply(bias, array(new Array(bias.size).fill(0), bias.shape)), spanned, { ...how, limit: 1.01 }),
    ];
  };
  const free = { side: 'input', bias: 'free', renorm: true, limit: 10 } as const;
  return [
    ...onSide('output', cols),
    ...onSide('input', rows + 1),
    of(weight, bias, orthonormal(experts, rows, Math.min(rank, rows)), free),
  ];
}

const upload = (t: Engine, x: Any): Tensor => {
  const flat = toFlat(x);
  if (x.data instanceof Int32Array) return t.tensor(flat, x.shape, 'int32');
  if (x.data instanceof Float64Array) return t.tensor(flat, x.shape);
  return t.tensor(flat, x.shape, 'int32').astype('bool');
};

const open: WasmBackend[] = [];
beforeAll(async () => {
  for (const threads of [1, 3]) open.push(await wasm({ simd: 'plain', threads }));
});
afterAll(async () => {
  for (const backend of open) await backend.dispose();
});

describe.each(['float32', 'float64'] as const)('%s', (dtype) => {
  const outputsOn = ({ operation, attrs = {}, inputs }: Case, backend: WasmBackend) => {
    const t = engine(backend, { dtype });
    const outputs = t.run(
      composites[operation] as never,
      inputs.map((x) => upload(t, x)),
      attrs as never,
    );
    return Promise.all(outputs.map((output) => output.data()));
  };
  const check = async (of: Case): Promise<void> => {
    const [outputs, exact] = [await outputsOn(of, open[0]), of.exact()];
    const own = of.bound(bounds.UNIT_ROUNDOFF[dtype], open[0].ulps);
    const ofDefinition = of.bound(bounds.UNIT_ROUNDOFF.float64, bounds.REFERENCE_ULPS);
    for (let i = 0; i < exact.length; i++) {
      const limit = own[i] && spec.add(own[i]!, ofDefinition[i]!);
      const { message } = worstElement(outputs[i], exact[i], limit);
      expect(message, `${of.operation} ${JSON.stringify(of.attrs)}, output ${i}`).toBe(null);
    }
  };

  it.each([3, 16, 33])('rows of %i', async (width) => {
    for (const of of rowCases(35, width)) await check(of);
  });
  it.each([
    [20, 8, 2, 12],
    [20, 19, 9, 33],
  ])('%i tokens, %i experts, %i slots, width %i', async (...sizes) => {
    for (const of of routingCases(...(sizes as [number, number, number, number]))) await check(of);
  });
  it.each([
    [1, 2, 7, 3],
    [2, 1, 16, 8],
    [1, 1, 50, 3],
  ])('attention of batch %i, heads %i, positions %i, dim %i', async (...sizes) => {
    for (const of of attentionCases(...(sizes as [number, number, number, number]))) await check(of);
  });
  it.each([
    [2, 98, 12, 9],
    [2, 4, 270, 9],
    [12, 7, 16, 3],
  ])('updates of %i experts, %i → %i, rank %i', async (...sizes) => {
    for (const of of updateCases(...(sizes as [number, number, number, number]))) await check(of);
  });

  it('the same bits on one thread and on three', async () => {
    const large = [
      ...rowCases(300, 101),
      ...routingCases(300, 19, 3, 67),
      ...attentionCases(3, 5, 101, 20),
      ...updateCases(12, 101, 270, 9),
      ...updateCases(2, 300, 301, 9),
    ];
    for (const of of large) {
      const [alone, shared] = await Promise.all(open.map((backend) => outputsOn(of, backend)));
      for (let i = 0; i < alone.length; i++)
        expect(firstDifference(shared[i], alone[i], [alone[i].length]), `${of.operation}, output ${i}`).toBe(null);
    }
  });
});
