import fc from 'fast-check';
import { fromFunction, type Real, toFlat } from '../../spec/array.ts';
import { assign, capacityOf } from '../../spec/method/dispatch.ts';
import { topKGate as gateByDefinition, realTokens, routerLogits } from '../../spec/method/gate.ts';
import { moeLayer } from '../../spec/method/moe-layer.ts';
import { gelu, relu } from '../../spec/ops/elementwise.ts';
import { compound, gamma } from '../../spec/rounding/model.ts';
import { type DrawnLayer, drawnLayers, eighths, expertsOf, upload, uploadLayer } from '../arbitraries/experts.ts';
import { claim, claimEqual, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { layerBound, reference } from '../kit/method-bounds.ts';

/** Law 8, and the whole layer against its definition (law 10). */

/**
 * Layers with a capacity factor: none, a short decimal, or one whose product with n·k/E is a whole number but for the rounding
 * of the factor itself, as 0.6 · 45 is 27: there C must not become one more.
 */
const routed = () =>
  drawnLayers({ tokens: 16 }).chain((layer) => {
    const slots = realTokens(layer.x.shape[0], layer.mask).length * layer.k;
    const whole = fc.integer({ min: 1, max: 8 }).map((C) => (C * layer.experts) / Math.max(1, slots));
    const short = fc.integer({ min: 1, max: 40 }).map((tenths) => tenths / 10);
    return fc.record({
      layer: fc.constant(layer),
      capacityFactor: fc.oneof<fc.Arbitrary<number | null>[]>(
        fc.constant(null),
        short,
        whole,
        fc.constantFrom(0.01, 100),
      ),
    });
  });

/** The choices by definition, and the plan under test for them. */
async function planOf({ t, method }: MethodSubject, layer: DrawnLayer, capacityFactor: number | null) {
  const { k, experts, mask, renormalize } = layer;
  const logits = routerLogits(layer.x, layer.router);
  const { chosen } = gateByDefinition(logits, k, { mask });
  const gate = method.topKGate(upload(t, logits), { k, renormalize, mask: upload(t, mask) });
  const plan = method.planDispatch(gate, experts, capacityFactor);
  const [tokenOfRow, expertOfRow, offsets, load, dropped] = await Promise.all(
    [plan.tokenOfRow, plan.expertOfRow, plan.offsets, plan.load, plan.dropped].map((x) => x.data()),
  );
  const real = realTokens(layer.x.shape[0], mask).length;
  const capacity = capacityOf(capacityFactor, real, k, experts);
  return { gate, plan, chosen, capacity, tokenOfRow, expertOfRow, offsets, load, dropped: dropped[0] };
}

const rowsInOrder = law(
  'dispatch: rows are sorted by expert, each in token order, and nobody works on the rest',
  routed(),
  async (subject, { layer, capacityFactor }) => {
    const { chosen, capacity, tokenOfRow, expertOfRow, offsets, load } = await planOf(subject, layer, capacityFactor);
    const { served, load: asked } = assign(chosen, layer.experts, capacity);
    claimEqual(load, toFlat(asked), 'load');
    const counts = served.map((slots) => slots.length);
    claimEqual(offsets, [0, ...counts.map((_, e) => counts.slice(0, e + 1).reduce((a, b) => a + b, 0))], 'offsets');
    const rows = layer.x.shape[0] * layer.k;
    claim(tokenOfRow.length === rows, () => `${tokenOfRow.length} rows, but there are n·k = ${rows} slots`);
    const owners = served.flatMap((slots, e) => slots.map(() => e));
    claimEqual(expertOfRow, [...owners, ...new Array(rows - owners.length).fill(layer.experts)], 'expertOfRow');
    const carried = served.flat().map(({ token }) => token);
    claimEqual(tokenOfRow.slice(0, owners.length), carried, 'tokenOfRow');
  },
);

const dropsWhatOverflows = law(
  'dispatch: capacity C drops exactly Σ max(0, load − C), dropless nothing',
  routed(),
  async (subject, { layer, capacityFactor }) => {
    const { capacity, load, dropped } = await planOf(subject, layer, capacityFactor);
    const overflow = Array.from(load).reduce((sum, l) => sum + Math.max(0, l - capacity), 0);
    claimEqual([dropped], [capacityFactor === null ? 0 : overflow], `dropped at C = ${capacity}`);
  },
);

/** Equal logits send every token to the first k experts, so that each of these serves exactly min(n, C). */
const wholeCapacity = law(
  'dispatch: a capacity that is whole but for rounding does not become one more',
  fc
    .record({
      tokens: fc.integer({ min: 2, max: 64 }),
      experts: fc.integer({ min: 1, max: 8 }),
      k: fc.nat(7),
      part: fc.nat(1000),
    })
    .map(({ tokens, experts, k, part }) => ({ tokens, experts, k: 1 + (k % experts), C: 1 + (part % (tokens - 1)) })),
  async ({ t, method }, { tokens, experts, k, C }) => {
    const plan = method.planDispatch(
      method.topKGate(t.zeros([tokens, experts]), { k }),
      experts,
      (C * experts) / (tokens * k),
    );
    const served = Array.from({ length: experts }, (_, e) => (e < k ? C : 0));
    claimEqual(
      await plan.offsets.data(),
      [0, ...served.map((_, e) => served.slice(0, e + 1).reduce((a, b) => a + b, 0))],
      `offsets at C = ${C}`,
    );
  },
);

/**
 * y = Σ_k fl(1/k)·x. For k = 1 and 2 nothing is rounded. For k ≥ 3: 1/k once, the product once, and in any order of adding k
 * equal numbers the deepest sum doubles one of them exactly, so that a term passes k − 2 roundings: γ_k.
 */
const identityOnServed = law(
  'dispatch: dispatch, then combine with gates 1/k, is the identity where no slot was dropped',
  routed(),
  async (subject, { layer, capacityFactor }, { claimWithin }) => {
    const { t, method } = subject;
    const { u } = precisionOf(subject);
    const { gate, chosen, capacity } = await planOf(subject, layer, capacityFactor);
    const { k, experts, x } = layer;
    const even = { ...gate, gates: gate.gates.onesLike().multiply(1 / k) };
    const plan = method.planDispatch(even, experts, capacityFactor);
    const y = await method.combineRows(method.dispatchTokens(upload(t, x), plan), plan).data();
    const { served } = assign(chosen, experts, capacity);
    const width = x.shape[1];
    for (let token = 0; token < x.shape[0]; token++) {
      const slots = served.flat().filter((slot) => slot.token === token).length;
      const row = Array.from({ length: width }, (_, j) => x.get(token, j));
      const here = y.slice(token * width, (token + 1) * width);
      const roundings = k <= 2 ? 0 : gamma(k, u);
      // Slots that were dropped are missing from the sum; padding is 0.
      if (slots === 0) claimEqual(here, new Array<number>(width).fill(0), `token ${token} without slots`);
      if (slots === k)
        claimWithin(
          here,
          row,
          row.map((value) => roundings * Math.abs(value)),
          `token ${token}`,
        );
    }
  },
);

/** The layer of `method.moe` and of spec/, with the bound between them. */
const layerEqualsDefinition = (activation: 'relu' | 'gelu') =>
  law(
    `layer: equals its definition (${activation})`,
    routed(),
    async (subject, { layer, capacityFactor }, { claimWithin }) => {
      const { t, method } = subject;
      const { k, renormalize, mask, x } = layer;
      const exactActivation = activation === 'relu' ? relu : gelu;
      const experts = expertsOf(layer);
      const options = { k, renormalize, capacityFactor, mask };
      const exact = moeLayer(x, { router: layer.router, experts }, { ...options, activation: exactActivation });
      const result = method.moe(upload(t, x), uploadLayer(t, layer), { ...options, activation, mask: upload(t, mask) });
      const [output, logits, chosen] = await Promise.all([
        result.output.data(),
        result.gate.logits.data(),
        result.gate.chosen.data(),
      ]);
      claimEqual(logits, toFlat(exact.logits), 'logits');
      claimEqual(chosen, toFlat(exact.gate.chosen), 'chosen');
      const bounds = [precisionOf(subject), reference].map((side) =>
        layerBound(x, experts, exact, { k, renormalize, activation }, side, exactActivation),
      );
      const bound = fromFunction(exact.output.shape, ([i, j]) => bounds[0].get(i, j) + bounds[1].get(i, j));
      claimWithin(output, toFlat(exact.output), toFlat(bound), 'output [token, width]');
    },
  );

/** Law 11: padding anywhere in the batch, whatever it holds, leaves every token's output as it was. */
const paddingUnseen = law(
  'layer: padding changes no output, statistic or measure',
  drawnLayers({ tokens: 8 }).chain((layer) => fc.record({ layer: fc.constant(layer), garbage: garbageFor(layer.x) })),
  async (subject, { layer, garbage }, { claimWithin }) => {
    const { t, method } = subject;
    if (!t.backend.promises.specialValues && !toFlat(garbage).every(Number.isFinite)) return;
    const { k, renormalize, mask, x, experts } = layer;
    const real = realTokens(x.shape[0], mask);
    const alone = fromFunction([real.length, x.shape[1]], ([i, j]) => x.get(real[i], j));
    const padded = fromFunction(x.shape, ([i, j]) => (mask.get(i) ? x.get(i, j) : garbage.get(i, j)));
    const parameters = uploadLayer(t, layer);
    const options = { k, renormalize, activation: 'relu' as const };
    const recording = { side: 'input', statistic: 'mean', layers: ['fc1', 'fc2'] } as const;
    const seenOf = async (tokens: Real, some: boolean) => {
      const result = method.moe(upload(t, tokens), parameters, some ? { ...options, mask: upload(t, mask) } : options);
      const recorded = method.recordStatistics(result.flow, result.plan, recording);
      const [output, columns, owners, hidden, p, chosen] = await Promise.all([
        result.output.data(),
        recorded.fc1!.columns.data(),
        recorded.fc1!.owners.data(),
        recorded.fc2!.columns.data(),
        result.gate.probabilities.data(),
        result.gate.chosen.data(),
      ]);
      const measures = method.routingMeasures({
        tokens: tokens.shape[0],
        experts,
        topK: k,
        probabilities: Float64Array.from(p),
        chosen: Int32Array.from(chosen),
        mask: some ? mask.data : undefined,
      });
      return { output, columns, owners, hidden, load: measures.load, dead: measures.deadExperts };
    };
    const [with_, without] = [await seenOf(padded, true), await seenOf(alone, false)];
    const width = x.shape[1];
    const outputs = real.flatMap((token) => [...with_.output.slice(token * width, (token + 1) * width)]);
    // Each side is off by its own bound from the one exact value.
    const definition = { router: layer.router, experts: expertsOf(layer) };
    const exact = moeLayer(alone, definition, { k, renormalize, activation: relu });
    const bound = layerBound(alone, definition.experts, exact, options, precisionOf(subject), relu);
    claimWithin(
      outputs,
      without.output,
      toFlat(bound).map((b) => 2 * b),
      'output',
    );
    claimEqual(with_.owners, without.owners, 'rows behind each mean');
    claimEqual(with_.load, without.load, 'load');
    claimEqual([with_.dead], [without.dead], 'dead experts');
    // Inputs and hidden layers are exact, so are their sums; a division (or a reciprocal and a product) on each side.
    const { u, ulps } = precisionOf(subject);
    const divided = compound(gamma(1, u), 2 * ulps.divide * u);
    for (const name of ['columns', 'hidden'] as const)
      claimWithin(
        with_[name],
        without[name],
        Array.from(without[name], (value) => 2 * divided * Math.abs(value) * (1 + divided)),
        name,
      );
    const padding = [...mask.data.keys()].filter((token) => !mask.get(token));
    for (const token of padding)
      claimEqual(with_.output.slice(token * width, (token + 1) * width), new Array(width).fill(0), `padding ${token}`);
  },
);

/** What may stand in a padded place: anything finite, or not even that. */
const garbageFor = (x: Real): fc.Arbitrary<Real> =>
  fc
    .tuple(eighths(x.shape), fc.constantFrom(1, 1e6, 1e30, Number.NaN, Infinity))
    .map(([values, scale]) => fromFunction(x.shape, (index) => values.get(...index) * scale));

export const dispatchLaws: readonly MethodLaw[] = [
  rowsInOrder,
  dropsWhatOverflows,
  wholeCapacity,
  identityOnServed,
  layerEqualsDefinition('relu'),
  layerEqualsDefinition('gelu'),
  paddingUnseen,
];
