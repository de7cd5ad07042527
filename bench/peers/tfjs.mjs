import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { setThreadsCount, setWasmPaths } from '@tensorflow/tfjs-backend-wasm';
import { grouped, paths, serve } from './serve.mjs';

/**
 * TensorFlow.js on its wasm backend. It has no grouped product, its top-k has no gradient, and on wasm the gradient of a gather
 * has no kernel. So the step reads the chosen experts to the host, sorts rows there, slices them expert by expert, and states the
 * gradients of its two gathers itself: each is a gather in the other direction.
 */

setWasmPaths(fileURLToPath(new URL('./node_modules/@tensorflow/tfjs-backend-wasm/dist/', import.meta.url)));

const int = (numbers) => tf.tensor1d(numbers, 'int32');
const gelu = (z) => tf.mul(tf.mul(z, 0.5), tf.add(tf.erf(tf.mul(z, Math.SQRT1_2)), 1));

/** Row r is slot order[r]; slot s is row place[s]; k slots a token. */
function sorted(chosen, experts, k) {
  const rows = grouped(chosen, experts);
  const order = rows.flat();
  const place = new Array(order.length);
  order.forEach((slot, row) => {
    place[slot] = row;
  });
  return {
    counts: rows.map(({ length }) => length),
    order: int(order),
    place: int(place),
    tokens: int(order.map((s) => Math.floor(s / k))),
  };
}

/** x [token, width] -> [row, width]; back: the rows of each token, summed. */
const dispatch = ({ tokens, place }, k) =>
  tf.customGrad((x, save) => {
    save([place]);
    return {
      value: tf.gather(x, tokens),
      gradFunc: (g, [back]) => tf.sum(tf.reshape(tf.gather(g, back), [x.shape[0], k, x.shape[1]]), 1),
    };
  });
/** y [row, width] -> [slot, width]; back: in the order of the rows. */
const combine = ({ order, place }) =>
  tf.customGrad((y, save) => {
    save([order]);
    return { value: tf.gather(y, place), gradFunc: (g, [back]) => tf.gather(g, back) };
  });

/** On wasm a product of a transposed matrix is a plain loop, many times as slow: so its gradients transpose beforehand. */
const product = tf.customGrad((a, b, save) => {
  save([a, b]);
  return {
    value: tf.matMul(a, b),
    gradFunc: (g, [left, right]) => [tf.matMul(g, tf.transpose(right)), tf.matMul(tf.transpose(left), g)],
  };
});

function lossOf(x, { experts, k, tokens, width }, [router, w1, b1, w2, b2]) {
  const logits = product(x, router); // [token, expert]
  const chosen = tf.topk(logits, k).indices.dataSync();
  const indices = tf.tensor2d(chosen, [tokens, k], 'int32'); // afresh, as the gradient would look for one of top-k
  const mask = tf.cast(tf.oneHot(indices, experts), 'float32'); // on wasm, one-hot of floats is all but 0
  const kept = tf.sum(tf.mul(mask, tf.expandDims(logits, 1)), 2); // [token, slot]
  const gates = tf.softmax(kept);
  const plan = sorted(Array.from(chosen), experts, k);
  const rows = dispatch(plan, k)(x);
  const parts = tf.split(rows, plan.counts);
  const [w1s, b1s, w2s, b2s] = [w1, b1, w2, b2].map((w) => tf.unstack(w));
  const outputs = parts.map((part, e) => {
    const hidden = gelu(tf.add(product(part, w1s[e]), b1s[e]));
    return tf.add(product(hidden, w2s[e]), b2s[e]);
  });
  const slots = tf.reshape(combine(plan)(tf.concat(outputs, 0)), [tokens, k, width]);
  return tf.mean(tf.square(tf.sum(tf.mul(slots, tf.expandDims(gates, 2)), 1)));
}

function adamw(theta, g, m, v, time, { rate, decay }) {
  const first = tf.add(tf.mul(m, 0.9), tf.mul(g, 0.1));
  const second = tf.add(tf.mul(v, 0.999), tf.mul(tf.square(g), 0.001));
  const scale = tf.add(tf.sqrt(tf.div(second, 1 - 0.999 ** time)), 1e-8);
  const direction = tf.add(tf.div(tf.div(first, 1 - 0.9 ** time), scale), tf.mul(theta, decay));
  return [tf.sub(theta, tf.mul(direction, rate)), first, second];
}

serve(async ({ spec, threads, input, shape, output }) => {
  if (threads > 1) return { cannot: 'its threads need a browser: in Node there is one' };
  if (spec.kind === 'encoder') return { cannot: 'its encoder is not written: the MoE layer alone is compared' };
  setThreadsCount(1);
  await tf.setBackend('wasm');
  const tensor = (name) => tf.tensor(input(name), shape(name));
  const version = `tfjs ${tf.version.tfjs}, ${tf.getBackend()}`;
  if (spec.kind === 'matmul') {
    const [a, b] = ['a', 'b'].map(tensor);
    const call = async () => tf.matMul(a, b).dispose(); // its wasm kernels are done when they return
    output('y', tf.matMul(a, b).dataSync());
    return { version, call };
  }

  const x = tensor('x');
  const start = paths.map(tensor);
  const zeros = () => start.map((theta) => tf.zerosLike(theta));
  let state = { parameters: start, first: zeros(), second: zeros(), time: 0 };
  const step = () => {
    const time = state.time + 1;
    const { next, gradients, loss } = tf.tidy(() => {
      const { value, grads } = tf.valueAndGrads((...all) => lossOf(x, spec, all))(state.parameters);
      const stepped = state.parameters.map((theta, i) =>
        adamw(theta, grads[i], state.first[i], state.second[i], time, spec),
      );
      return { next: stepped, gradients: grads, loss: value };
    });
    tf.dispose([state.parameters, state.first, state.second]);
    const at = (i) => next.map((each) => each[i]);
    state = { parameters: at(0), first: at(1), second: at(2), time };
    return { gradients, loss };
  };
  const call = async () => {
    const { gradients, loss } = step();
    loss.dataSync();
    tf.dispose([gradients, loss]);
  };
  const { gradients, loss } = step();
  output('loss', loss.dataSync());
  paths.forEach((path, i) => {
    output(`gradient.${path}`, gradients[i].dataSync());
    output(`next.${path}`, state.parameters[i].dataSync());
  });
  tf.dispose([gradients, loss]);
  return { version, call };
});
