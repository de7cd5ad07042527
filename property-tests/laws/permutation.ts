import fc from 'fast-check';
import { array, boolArray, fromFunction, type Real, toFlat } from '../../spec/array.ts';
import { routerLogits } from '../../spec/method/gate.ts';
import { moeLayer } from '../../spec/method/moe-layer.ts';
import { relu } from '../../spec/ops/elementwise.ts';
import { concatColumns, frobeniusNorm, fromColumns, leftSingular, type Matrix } from '../../src/linalg/index.ts';
import { type OmoeOptions, ridge } from '../../src/optim/index.ts';
import { key } from '../../src/random.ts';
import { baseNames, drawnOptions, drawnTrainings } from '../arbitraries/columns.ts';
import { type DrawnLayer, drawnLayers, expertsOf, hasTies, upload, uploadLayer } from '../arbitraries/experts.ts';
import { givenCycles, permuteCycle, runCycle } from '../kit/given-cycle.ts';
import { claimEqual, law, type MethodLaw, type MethodSubject, precisionOf } from '../kit/method.ts';
import { balanceRelative, layerBound, routerZBound } from '../kit/method-bounds.ts';
import { formingAndApplying, qrFormError, singularVectorsOf } from '../kit/projector-rounding.ts';
import { baseOf, train } from '../kit/training.ts';
import { applyRounding } from './update.ts';

/** Law 6. */

const orders = (n: number): fc.Arbitrary<number[]> => {
  const all = Array.from({ length: n }, (_, i) => i);
  return fc.shuffledSubarray(all, { minLength: n, maxLength: n });
};

/** The stack with its experts in another order: new expert e was order[e]. */
const turned = (stacked: Real, order: readonly number[], axis: number): Real =>
  fromFunction(stacked.shape, (index) => stacked.get(...index.map((i, a) => (a === axis ? order[i] : i))));

const withExperts = (layer: DrawnLayer, order: readonly number[]): DrawnLayer => ({
  ...layer,
  router: turned(layer.router, order, 1),
  w1: turned(layer.w1, order, 0),
  b1: turned(layer.b1, order, 0),
  w2: turned(layer.w2, order, 0),
  b2: turned(layer.b2, order, 0),
});

const layersWithoutTies = drawnLayers({ tokens: 6, least: 1 }).filter(
  (layer) => !hasTies(routerLogits(layer.x, layer.router)),
);

async function answersOf({ t, method }: MethodSubject, layer: DrawnLayer) {
  const { k, renormalize } = layer;
  const mask = upload(t, layer.mask);
  const { output, gate } = method.moe(upload(t, layer.x), uploadLayer(t, layer), {
    k,
    renormalize,
    mask,
    activation: 'relu',
  });
  const losses = [method.switchBalance(gate, mask), method.topKBalance(gate, mask), method.routerZ(gate, mask)];
  return {
    output: await output.data(),
    chosen: await gate.chosen.data(),
    losses: await Promise.all(losses.map((loss) => loss.item())),
  };
}

/** The exact answer is one and the same, so two computations of it are at most two bounds apart. */
function boundsOf(layer: DrawnLayer, subject: MethodSubject) {
  const { k, renormalize, mask, x, router } = layer;
  const experts = expertsOf(layer);
  const precision = precisionOf(subject);
  const exact = moeLayer(x, { router, experts }, { k, renormalize, mask, activation: relu });
  const real = [...mask.data.keys()].filter((token) => mask.get(token) !== 0);
  return {
    output: toFlat(layerBound(x, experts, exact, { k, renormalize, activation: 'relu' }, precision, relu)).map(
      (b) => 2 * b,
    ),
    balance: 2.02 * balanceRelative(exact.logits, precision), // 2.02: the second order of two relative errors
    z: 2 * routerZBound(exact.logits, real, precision),
  };
}

const expertsPermuted = law(
  'permutation: permuting the experts permutes choices, and leaves outputs and losses',
  layersWithoutTies.chain((layer) => orders(layer.experts).map((order) => ({ layer, order }))),
  async (subject, { layer, order }, { claimWithin }) => {
    const [before, after] = [await answersOf(subject, layer), await answersOf(subject, withExperts(layer, order))];
    claimEqual(
      Array.from(after.chosen, (e) => (e < 0 ? e : order[e])),
      before.chosen,
      'chosen',
    );
    const bounds = boundsOf(layer, subject);
    claimWithin(after.output, before.output, bounds.output, 'output');
    const [switched, topK] = before.losses;
    claimWithin(
      after.losses,
      before.losses,
      [bounds.balance * switched, bounds.balance * topK, bounds.z],
      '[switch, top-k, z]',
    );
  },
);

const tokensPermuted = law(
  'permutation: permuting the tokens permutes the outputs',
  drawnLayers({ tokens: 6 }).chain((layer) => orders(layer.x.shape[0]).map((order) => ({ layer, order }))),
  async (subject, { layer, order }, { claimWithin }) => {
    const other = {
      ...layer,
      x: turned(layer.x, order, 0),
      mask: boolArray(order.map((token) => layer.mask.get(token))),
    };
    const [before, after] = [await answersOf(subject, layer), await answersOf(subject, other)];
    const expected = turned(array(before.output, layer.x.shape), order, 0);
    const bound = turned(array(boundsOf(layer, subject).output, layer.x.shape), order, 0);
    claimWithin(after.output, toFlat(expected), toFlat(bound), 'output');
  },
);

/** Columns of the accumulating steps 0 and 1, one matrix an expert. */
function columnsOf(cycle: Parameters<typeof runCycle>[1], { side, bias, statistic }: OmoeOptions): Matrix[] {
  return Array.from({ length: cycle.experts }, (_, e) => {
    const columns: number[][] = [];
    let rows = 0;
    for (const step of cycle.steps.slice(0, 2)) {
      const signal = side === 'input' ? step.inputs : step.outputs;
      const size = signal.shape[1];
      rows = size + (side === 'input' && bias === 'augment' ? 1 : 0);
      const own = [...step.owners.keys()].filter((token) => step.owners[token] === e);
      const all = own.map((token) => Array.from({ length: rows }, (_, i) => (i < size ? signal.get(token, i) : 1)));
      if (statistic === 'tokens') columns.push(...all);
      else if (all.length > 0) columns.push(all[0].map((_, i) => all.reduce((sum, r) => sum + r[i], 0) / all.length));
    }
    return fromColumns(rows, columns);
  });
}

/**
 * How far two orders of the same columns may move Q_i: each is within the error of its QR form (or of its singular vectors
 * at the gap), and averages add their roundings. Infinity at a tie of singular values or an energy just reached.
 */
function orderError(columns: readonly Matrix[], i: number, options: OmoeOptions): number {
  const rows = columns[0].rows;
  const alphaOf = (a: Matrix) => ridge(options.alpha, options.alphaMode, frobeniusNorm(a) ** 2, rows);
  const form = (a: Matrix) => (frobeniusNorm(a) === 0 ? 0 : 2 * qrFormError(a, alphaOf(a)));
  const others = columns.filter((_, j) => j !== i);
  if (options.combine === 'mean') return Math.max(0, ...others.map(form)) + formingAndApplying(rows, columns.length);
  const all = concatColumns(rows, others);
  if (options.combine === 'span' || frobeniusNorm(all) === 0) return form(all);
  const { s } = leftSingular(all);
  let [reached, r] = [0, 0];
  const total = frobeniusNorm(all) ** 2;
  const whole = options.energy === 1;
  while (r < s.length && (whole ? s[r] > 1e-9 * s[0] : reached < (options.energy - 1e-9) * total))
    reached += s[r++] ** 2;
  const gap = s[r - 1] - (s[r] ?? 0);
  const boundary = !whole && Math.abs(reached - options.energy * total) < 2e-9 * total;
  if (gap < 1e-4 * s[0] || boundary) return Infinity;
  const error = 2 * singularVectorsOf(all) + formingAndApplying(rows, all.cols);
  return (4 * error * frobeniusNorm(all)) / gap + 2 * error;
}

/**
 * Base updates are made element by element, so they are permuted to the bit; Q_i moves by `orderError`; applying it rounds on
 * both sides; renorm by c makes of that 2c times as much (its factor moves by as much as the projected update does).
 */
const updatesPermuted = law(
  'permutation: permuting the experts permutes the updates of omoe',
  fc.record({
    given: givenCycles(3, 2).chain((cycle) => orders(cycle.experts).map((order) => ({ cycle, order }))),
    options: drawnOptions({ layers: 'both', updateEvery: 1, resetEachCycle: true }),
    base: fc.constantFrom(...baseNames),
  }),
  async (subject, { given: { cycle, order }, options, base }, { claimWithin, decidable }) => {
    const { u } = precisionOf(subject);
    const run = (of: typeof cycle, with_: OmoeOptions) =>
      runCycle(subject, of, baseOf(subject.method, base), with_, 0.125, key(1));
    const here = (await run(cycle, options))[2];
    const there = (await run(permuteCycle(cycle, order), options))[2];
    const plain = (await run(cycle, { ...options, orthogonalSteps: 0, accumulateSteps: 3 }))[2];
    const columns = columnsOf(cycle, options);
    order.forEach((from, to) => {
      const error = orderError(columns, from, options);
      const { normKept, renormFactor } = here.reports[0];
      const vanishes = Math.abs(normKept[from] / 1e-6 - 1) < 0.9;
      if (!decidable('updates', error < Infinity && !vanishes)) return;
      const size = frobeniusNorm(plain.updates[from]);
      const n = Math.max(here.updates[from].rows, here.updates[from].cols);
      const bound = (2 * renormFactor[from] + 1) * (error + 2 * applyRounding(n, u)) * size;
      claimWithin(there.updates[to].data, here.updates[from].data, bound, `update of expert ${from}, now ${to}`);
    });
  },
);

/** Any options at all, with `given` held. */
const anyOptions = (given: Partial<OmoeOptions>) =>
  fc
    .record({
      side: fc.constantFrom<OmoeOptions['side']>('input', 'output', 'update'),
      project: fc.constantFrom<OmoeOptions['project']>('update', 'gradient'),
      bias: fc.constantFrom<OmoeOptions['bias']>('augment', 'freeze', 'free'),
      control: fc.constantFrom<OmoeOptions['control']>('none', 'rotated', 'norm-matched'),
    })
    .chain((drawn) => drawnOptions({ ...drawn, ...given }));

/** The base optimizer alone, fed the gradients that the training under test had. */
async function sameAsBase(
  subject: MethodSubject,
  {
    training,
    options,
    base,
  }: { training: Parameters<typeof train>[1]; options: OmoeOptions; base: (typeof baseNames)[number] },
): Promise<void> {
  const trained = await train(subject, training, baseOf(subject.method, base), options, key(2));
  for (const [s, { linears }] of trained.steps.entries())
    for (const { linear, updates, base: wanted } of linears)
      updates.forEach((update, e) => {
        claimEqual(update.data, wanted[e].data, `step ${s}, ${linear}, expert ${e}`);
      });
}

const oneExpert = law(
  'permutation: with one expert omoe is the base optimizer, bit for bit',
  fc.record({
    training: drawnTrainings(4).map((training) => ({ ...training, layer: withOneExpert(training.layer) })),
    options: anyOptions({ columns: 'others' }),
    base: fc.constantFrom(...baseNames),
  }),
  sameAsBase,
);

const withOneExpert = (layer: DrawnLayer): DrawnLayer => {
  const first = (a: Real, axis: number): Real =>
    fromFunction(
      a.shape.map((size, i) => (i === axis ? 1 : size)),
      (index) => a.get(...index),
    );
  return {
    ...layer,
    experts: 1,
    k: 1,
    router: first(layer.router, 1),
    w1: first(layer.w1, 0),
    b1: first(layer.b1, 0),
    w2: first(layer.w2, 0),
    b2: first(layer.b2, 0),
  };
};

const neverOrthogonal = law(
  'permutation: without orthogonal steps omoe is the base optimizer, bit for bit',
  fc.record({
    training: drawnTrainings(4),
    options: anyOptions({ orthogonalSteps: 0 }),
    base: fc.constantFrom(...baseNames),
  }),
  sameAsBase,
);

export const permutationLaws: readonly MethodLaw[] = [
  expertsPermuted,
  tokensPermuted,
  updatesPermuted,
  oneExpert,
  neverOrthogonal,
];
