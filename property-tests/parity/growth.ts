import { array } from '../../spec/array.ts';
import { activationSlopes } from '../../spec/ops/activation.ts';
import { unaryFunctions } from '../../spec/ops/elementwise.ts';
import { unaryBound } from '../../spec/rounding/functions.ts';
import { gamma, type Ulps } from '../../spec/rounding/model.ts';
import { blockOrder, type ModelConfig } from '../../src/models/config.ts';
import type { MapTree, ModelTree } from '../../src/models/parameters.ts';

/**
 * The forward pass of an encoder on the host, each number with a bound on how far a computation in working precision may be
 * from its exact value: what came in wrong, as the operation can enlarge it, and what the operation itself rounds. Every
 * line states its own; no term is left out, so the bounds hold and do not merely estimate. (Underflow apart: no number here
 * is near it.) This is Higham's running error analysis, "Accuracy and Stability of Numerical Algorithms", §3.3.
 */
export interface Grown {
  readonly rows: number;
  readonly size: number;
  /** [row, size] */
  readonly value: Float64Array;
  /** |computed − exact| is at most this. */
  readonly error: Float64Array;
}

export interface Precision {
  readonly u: number;
  readonly ulps: Ulps;
}

export type HostTree = ModelTree<Float64Array>;

export interface HostInput {
  readonly shape: readonly [batch: number, length: number];
  readonly tokens: ArrayLike<number>;
  readonly segments: ArrayLike<number>;
  readonly mask: ArrayLike<number>;
}

const make = (
  rows: number,
  size: number,
  at: (row: number, i: number) => readonly [value: number, error: number],
): Grown => {
  const [value, error] = [new Float64Array(rows * size), new Float64Array(rows * size)];
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < size; i++) {
      const place = row * size + i;
      [value[place], error[place]] = at(row, i);
    }
  return { rows, size, value, error };
};

/** Elementwise f with |f'| ≤ slope between the exact and the computed argument, and f's own rounding. */
const each = (
  x: Grown,
  f: (x: number) => number,
  slope: (x: number, e: number) => number,
  own: (x: number) => number,
) =>
  make(x.rows, x.size, (row, i) => {
    const [v, e] = [x.value[row * x.size + i], x.error[row * x.size + i]];
    return [f(v), e * slope(v, e) + own(Math.abs(v) + e)];
  });

/** One rounding of the sum. */
const add = (a: Grown, b: Grown, { u }: Precision): Grown =>
  make(a.rows, a.size, (row, i) => {
    const place = row * a.size + i;
    const value = a.value[place] + b.value[place];
    const error = a.error[place] + b.error[place];
    return [value, error + u * (Math.abs(value) + error)];
  });

/** Σ x w + b: the errors of x by |w|, and n products and sums in any order, γ_{n+1} of what is added up. W [in, out] */
function linear(x: Grown, { weight, bias }: MapTree<Float64Array>, { u }: Precision): Grown {
  const [input, output] = [x.size, bias.length];
  return make(x.rows, output, (row, o) => {
    let [value, error, sum] = [bias[o], 0, Math.abs(bias[o])];
    for (let i = 0; i < input; i++) {
      const [v, e, w] = [x.value[row * input + i], x.error[row * input + i], weight[i * output + o]];
      value += v * w;
      error += e * Math.abs(w);
      sum += (Math.abs(v) + e) * Math.abs(w);
    }
    return [value, error + gamma(input + 1, u) * sum];
  });
}

/**
 * n = c/s with c = x − mean, s = √(mean c² + ε).
 *   c: its own roundings are at most l = γ_n mean|x| + u(|c| + …), so it is off by d = e + mean e + l;
 *   s is the norm of the vector of all c/√n and √ε, and centring shortens: off by at most q = rms(e) + rms(l), then γ_{n+3};
 *   so n is off by d/(s − q) + |c|(1/(s − q) − 1/s), where q < s; two roundings for the quotient.
 */
function layerNorm(x: Grown, { weight, bias }: MapTree<Float64Array>, epsilon: number, { u }: Precision): Grown {
  const n = x.size;
  const out = [new Float64Array(x.rows * n), new Float64Array(x.rows * n)];
  const meanOf = (of: (i: number) => number) =>
    Array.from({ length: n }, (_, i) => of(i)).reduce((a, b) => a + b, 0) / n;
  for (let row = 0; row < x.rows; row++) {
    const v = (i: number) => x.value[row * n + i];
    const e = (i: number) => x.error[row * n + i];
    const mean = meanOf(v);
    const ofMean = gamma(n, u) * meanOf((i) => Math.abs(v(i)) + e(i));
    const meanError = meanOf(e);
    const c = (i: number) => v(i) - mean;
    const l = (i: number) => ofMean + u * (Math.abs(c(i)) + e(i) + meanError + ofMean);
    const s = Math.sqrt(meanOf((i) => c(i) ** 2) + epsilon);
    const q = Math.sqrt(meanOf((i) => e(i) ** 2)) + Math.sqrt(meanOf((i) => l(i) ** 2));
    const least = (s - q) * (1 - gamma(n + 3, u));
    for (let i = 0; i < n; i++) {
      const d = e(i) + meanError + l(i);
      const normal = c(i) / s;
      const moved = q < s ? d / least + Math.abs(c(i)) * (1 / least - 1 / s) : Infinity;
      const off = moved + gamma(2, u) * (Math.abs(normal) + moved);
      const scaled = Math.abs(weight[i]) * (off + u * (Math.abs(normal) + off));
      const value = normal * weight[i] + bias[i];
      out[0][row * n + i] = value;
      out[1][row * n + i] = scaled + u * (Math.abs(value) + scaled);
    }
  }
  return { rows: x.rows, size: n, value: out[0], error: out[1] };
}

/**
 * softmax(q kᵀ/√dim) v for each head. A score is off by ε = Σ(|q|e_k + e_q|k| + e_q e_k)/√dim and γ_{dim+2} of its terms; a
 * weight then by the factor e^{ε_j + max ε}, and by its own roundings: the difference to the largest score, the exponential,
 * n additions, the quotient.
 */
function attention(q: Grown, k: Grown, v: Grown, { shape, mask }: HostInput, heads: number, at: Precision): Grown {
  const [batch, length] = shape;
  const width = q.size;
  const dim = width / heads;
  const { u, ulps } = at;
  const [value, error] = [new Float64Array(q.value.length), new Float64Array(q.value.length)];
  for (let b = 0; b < batch; b++) {
    const keys = Array.from({ length }, (_, j) => b * length + j).filter((row) => mask[row] !== 0);
    for (let h = 0; h < heads; h++)
      for (let row = b * length; row < (b + 1) * length; row++) {
        const scores = keys.map((key) => {
          let [s, e, sum] = [0, 0, 0];
          for (let i = h * dim; i < (h + 1) * dim; i++) {
            const [a, ea] = [q.value[row * width + i], q.error[row * width + i]];
            const [c, ec] = [k.value[key * width + i], k.error[key * width + i]];
            s += a * c;
            e += Math.abs(a) * ec + ea * Math.abs(c) + ea * ec;
            sum += (Math.abs(a) + ea) * (Math.abs(c) + ec);
          }
          return { s: s / Math.sqrt(dim), e: (e + gamma(dim + 2, u) * sum) / Math.sqrt(dim) };
        });
        const highest = Math.max(...scores.map(({ s }) => s));
        const worst = Math.max(...scores.map(({ e }) => e));
        const lowest = Math.min(...scores.map(({ s }) => s));
        const total = scores.reduce((sum, { s }) => sum + Math.exp(s - highest), 0);
        const rounded = 2 * u * (highest - lowest + 2 * worst) + gamma(4 * ulps.exp + keys.length + 2, u);
        const weights = scores.map(({ s, e }) => {
          const p = Math.exp(s - highest) / total;
          return { p, e: p * Math.expm1(e + worst + rounded) };
        });
        for (let i = h * dim; i < (h + 1) * dim; i++) {
          let [y, e, sum] = [0, 0, 0];
          weights.forEach(({ p, e: ep }, j) => {
            const place = keys[j] * width + i;
            y += p * v.value[place];
            e += p * v.error[place] + ep * Math.abs(v.value[place]) + ep * v.error[place];
            sum += (p + ep) * (Math.abs(v.value[place]) + v.error[place]);
          });
          value[row * width + i] = y;
          error[row * width + i] = e + gamma(keys.length, u) * sum;
        }
      }
  }
  return { rows: q.rows, size: width, value, error };
}

/** |act'| near x: by the largest curvature |act''|, which of both GELUs is below 0.9 (0.798 at 0), and |act'| is below 1.13 everywhere. */
function act(x: Grown, name: 'gelu' | 'geluTanh' | 'relu', { u, ulps }: Precision): Grown {
  if (name === 'relu') return { ...x, value: x.value.map((v) => Math.max(v, 0)) };
  // The activation's own rounding, at the far end on either side of 0: it grows with |x|.
  const far = x.value.map((v, i) => Math.abs(v) + x.error[i]);
  const [above, below] = [far, far.map((v) => -v)].map((at) => unaryBound(name, array(at), u, ulps).data);
  return {
    ...x,
    value: x.value.map((v) => unaryFunctions[name](v)),
    error: x.error.map((e, i) => {
      const slope = Math.min(1.13, Math.abs(activationSlopes[name](x.value[i])) + 0.9 * e);
      return e * slope + Math.max(above[i], below[i]);
    }),
  };
}

const tanh = (x: Grown, { u, ulps }: Precision): Grown =>
  each(
    x,
    Math.tanh,
    () => 1,
    (v) => 2 * ulps.tanh * u * Math.tanh(v),
  );

/**
 * What `encode` and the heads give, by the names of checkpoint.ts. Dense models only.
 * @param given states that steps start from instead of from what the step before gave; each may be rounded once
 */
export function growth(
  tree: HostTree,
  input: HostInput,
  config: ModelConfig,
  head: { readonly kind: string } | undefined,
  at: Precision,
  given: ReadonlyMap<string, Float64Array> | null = null,
): Map<string, Grown> {
  const activation = config.activation as 'gelu' | 'geluTanh' | 'relu';
  const norm = (x: Grown, by: MapTree<Float64Array>) => layerNorm(x, by, config.epsilon, at);
  const rows = input.tokens.length;
  const stateOf = (step: number): Grown => {
    const value = given?.get(`states.${step}`);
    if (!value) return out.get(`states.${step}`)!;
    return { rows, size: config.width, value, error: value.map((v) => at.u * Math.abs(v)) };
  };
  const out = new Map<string, Grown>();
  const start = norm(embeddings(tree, input, config, at), tree.embeddings.norm);
  out.set('states.0', tree.embeddings.mapping ? linear(start, tree.embeddings.mapping, at) : start);
  const order = blockOrder(config);
  order.forEach((b, step) => {
    const x = stateOf(step);
    const { attention: map, norm1, norm2, feedForward } = tree.blocks[b];
    const [q, k, v] = [map.query, map.key, map.value].map((one) => linear(x, one, at));
    const mixed = linear(attention(q, k, v, input, config.heads, at), map.output, at);
    const middle = norm(add(x, mixed, at), norm1);
    const hidden = act(linear(middle, feedForward!.fc1, at), activation, at);
    out.set(`states.${step + 1}`, norm(add(middle, linear(hidden, feedForward!.fc2, at), at), norm2));
  });
  const last = stateOf(order.length);
  const [batch, length] = input.shape;
  const first = make(batch, last.size, (row, i) => {
    const place = row * length * last.size + i;
    return [last.value[place], last.error[place]];
  });
  const pooled = tree.pooler && tanh(linear(first, tree.pooler, at), at);
  if (pooled) out.set('pooled', pooled);
  if (tree.mlm) {
    const exact = config.family === 'roberta' ? 'gelu' : activation;
    const states = norm(act(linear(last, tree.mlm.dense, at), exact, at), tree.mlm.norm);
    const decoder = { weight: transposed(tree.embeddings.words, states.size), bias: tree.mlm.bias };
    out.set('mlm', linear(states, decoder, at));
  }
  if (tree.head) {
    const wide = head?.kind === 'tag' || head?.kind === 'span';
    const logits = linear(wide ? last : pooled!, tree.head, at);
    // [batch · position, 2] -> [batch, 2 · position]
    const turn = (row: number, i: number) => (row * length + (i % length)) * 2 + Math.floor(i / length);
    out.set(
      'logits',
      head?.kind === 'span'
        ? make(batch, 2 * length, (row, i) => [logits.value[turn(row, i)], logits.error[turn(row, i)]])
        : logits,
    );
  }
  return out;
}

/** Three exact rows of tables, added up. */
function embeddings({ embeddings: tables }: HostTree, input: HostInput, config: ModelConfig, at: Precision): Grown {
  const [batch, length] = input.shape;
  const size = config.embedding;
  const rowOf = (table: Float64Array, id: (row: number) => number) =>
    make(batch * length, size, (row, i) => [table[id(row) * size + i], 0]);
  let count = 0;
  const places = Array.from({ length: batch * length }, (_, row) => {
    if (row % length === 0) count = 0;
    if (config.family !== 'roberta') return row % length;
    count += input.mask[row];
    return config.pad + (input.mask[row] ? count : 0);
  });
  const sum = add(
    rowOf(tables.words, (row) => input.tokens[row]),
    rowOf(tables.positions, (row) => places[row]),
    at,
  );
  return add(
    sum,
    rowOf(tables.segments, (row) => input.segments[row]),
    at,
  );
}

/** [row, size] -> [size, row] */
function transposed(table: Float64Array, size: number): Float64Array {
  const rows = table.length / size;
  return Float64Array.from(table, (_, i) => table[(i % rows) * size + Math.floor(i / rows)]);
}
