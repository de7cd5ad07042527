import { readFileSync } from 'node:fs';
import { blockUntilReady, defaultDevice, init, jit, nn, numpy as np, valueAndGrad } from '@jax-js/jax';
import { grouped, paths, serve } from './serve.mjs';

/**
 * jax-js on WebAssembly. Compiled functions have fixed shapes, so rows cannot be as many as an expert gets: the chosen experts are
 * read to the host, each expert's rows are filled up to the longest, and one compiled function does the step on [expert, row].
 * Every use of an array consumes it; `.ref` keeps it.
 */

const { version } = JSON.parse(readFileSync(new URL('./node_modules/@jax-js/jax/package.json', import.meta.url)));

/** Indices for the compiled step: the token of each place [expert · most], and the place of each slot. */
function places(chosen, experts, k) {
  const rows = grouped(chosen, experts);
  const most = Math.max(...rows.map(({ length }) => length));
  const tokens = new Int32Array(experts * most);
  const place = new Int32Array(chosen.length);
  rows.forEach((slots, e) => {
    slots.forEach((slot, r) => {
      tokens[e * most + r] = Math.floor(slot / k);
      place[slot] = e * most + r;
    });
  });
  return { most, tokens: np.array(tokens, { dtype: np.int32 }), place: np.array(place, { dtype: np.int32 }) };
}

const lossOf =
  ({ experts, k, tokens, width }, most) =>
  ([router, w1, b1, w2, b2], x, chosen, tokenOf, placeOf) => {
    const logits = np.expandDims(np.matmul(x.ref, router), 1); // [token, 1, expert]
    const kept = np.sum(nn.oneHot(chosen, experts).mul(logits), 2); // no gather: its gradient does not compile behind a view
    const gates = nn.softmax(kept, 1).reshape([tokens * k, 1]);
    const rows = np.take(x, tokenOf, 0).reshape([experts, most, width]);
    const hidden = nn.gelu(np.matmul(rows, w1).add(np.expandDims(b1, 1)), { approximate: false });
    const y = np
      .matmul(hidden, w2)
      .add(np.expandDims(b2, 1))
      .reshape([experts * most, width]);
    const slots = np.take(y, placeOf, 0).mul(gates); // [slot, width]
    const output = np.sum(slots.reshape([tokens, k, width]), 1);
    return np.mean(np.square(output));
  };

/** One parameter: θ, g, m, v and 1 − β₁ᵗ, 1 − β₂ᵗ as arrays, so that time does not compile anew. */
function adamw(theta, g, m, v, [c1, c2], { rate, decay }) {
  const first = m.mul(0.9).add(g.ref.mul(0.1));
  const second = v.mul(0.999).add(np.square(g).mul(0.001));
  const scale = np.sqrt(second.ref.div(c2)).add(1e-8);
  const direction = first.ref.div(c1).div(scale).add(theta.ref.mul(decay));
  return [theta.sub(direction.mul(rate)), first, second];
}

function stepOf(spec, most) {
  return jit((parameters, first, second, correction, x, chosen, tokenOf, placeOf) => {
    const run = valueAndGrad(lossOf(spec, most));
    const [loss, gradients] = run(
      parameters.map((p) => p.ref),
      ...[x, chosen, tokenOf, placeOf],
    );
    const [c1, c2] = correction;
    const stepped = parameters.map((theta, i) =>
      adamw(theta, gradients[i].ref, first[i], second[i], [c1.ref, c2.ref], spec),
    );
    c1.dispose();
    c2.dispose();
    return [loss, gradients, ...[0, 1, 2].map((i) => stepped.map((each) => each[i]))];
  });
}

serve(async ({ spec, threads, input, shape, output }) => {
  if (threads > 1) return { cannot: 'its threads need a Worker as browsers have it: in Node there is one' };
  if (spec.kind === 'encoder') return { cannot: 'its encoder is not written: the MoE layer alone is compared' };
  await init('wasm');
  defaultDevice('wasm');
  const array = (name) => np.array(input(name)).reshape(shape(name));
  const named = `jax-js ${version}, wasm, compiled`;
  if (spec.kind === 'matmul') {
    const [a, b] = await blockUntilReady(['a', 'b'].map(array));
    const product = jit((x, y) => np.matmul(x, y));
    const run = () => product(a.ref, b.ref).blockUntilReady();
    output('y', await (await run()).data());
    return { version: named, call: async () => (await run()).dispose() };
  }

  const x = array('x');
  const zeros = () => paths.map((path) => np.zeros(shape(path)));
  const topK = jit((tokens, router) => np.argsort(np.negative(np.matmul(tokens, router)), 1));
  const steps = new Map();
  let state = [paths.map(array), zeros(), zeros()];
  let time = 0;
  const step = async () => {
    time++;
    const { experts, k, tokens } = spec;
    const ranked = await topK(x.ref, state[0][0].ref).data(); // [token, expert], best first
    const chosen = Int32Array.from({ length: tokens * k }, (_, s) => ranked[Math.floor(s / k) * experts + (s % k)]);
    const { most, tokens: tokenOf, place } = places(chosen, experts, k);
    if (!steps.has(most)) steps.set(most, stepOf(spec, most));
    const correction = [1 - 0.9 ** time, 1 - 0.999 ** time].map((c) => np.array(c));
    const indices = [np.array(chosen, { dtype: np.int32 }).reshape([tokens, k]), tokenOf, place];
    const [loss, gradients, ...next] = steps.get(most)(...state, correction, x.ref, ...indices);
    state = next;
    const ready = await blockUntilReady([...next.flat(), ...gradients].map((y) => y.ref));
    for (const y of ready) y.dispose();
    return { loss: await loss.data(), gradients };
  };
  const call = async () => {
    const { gradients } = await step();
    for (const g of gradients) g.dispose();
  };
  const { loss, gradients } = await step();
  output('loss', loss);
  for (const [i, path] of paths.entries()) {
    output(`gradient.${path}`, await gradients[i].data());
    output(`next.${path}`, await state[0][i].ref.data());
  }
  return { version: `${named}, rows filled up to the longest expert's`, call };
});
