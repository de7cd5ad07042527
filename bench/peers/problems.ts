import { cpu } from '../../backends/cpu/index.ts';
import { gamma } from '../../spec/rounding/model.ts';
import { engine, key, mapTree, type SyncEngine, type Tensor } from '../../src/index.ts';
import { parametersOf } from '../../src/optim/index.ts';
import { productBound, u } from '../case.ts';
import { drawLayer, gradientsOf, type Layer, lossBound, stepFlops } from '../cases/moe-step.ts';
import { checkedRatio } from '../measure.ts';

/** What all libraries compute: the same numbers in, and what has to come out, before any of them is timed. */
export interface Problem {
  readonly title: string;
  /** Multiplications and additions of one call. */
  readonly flops: number;
  /** Tokens that one call trains on; absent where nothing is trained, or one layer alone. */
  readonly tokens?: number;
  /** What a library needs to know besides the inputs. */
  readonly spec: Readonly<Record<string, string | number>>;
  readonly inputs: readonly Named[];
  /** @throws Error naming the output that is missing or too far from the same in Float64 */
  check(outputs: ReadonlyMap<string, Float32Array>): void;
}
export interface Named {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Of exp, erf and division; nobody documents theirs. */
const ulps = { exp: 8, log: 8, tanh: 8, erf: 8, power: 8, divide: 4, sqrt: 4 };

const numbers = (x: Tensor) => (x.engine as SyncEngine).dataSync(x) as Float32Array;
const double = <T>(tree: T): T => {
  const exactly = engine(cpu(), { dtype: 'float64' });
  return mapTree(tree, (x) => exactly.tensor(Float64Array.from(numbers(x)), x.shape));
};
const found = (outputs: ReadonlyMap<string, Float32Array>, name: string): Float32Array => {
  const output = outputs.get(name);
  if (!output) throw new Error(`no output ${name} among ${[...outputs.keys()].join(', ')}`);
  return output;
};

/** y = a b: [m, inner] · [inner, n] -> [m, n], each element within γ_inner |A||B|. */
export function matmulProblem(m: number, inner: number, n: number): Problem {
  const t = engine(cpu());
  const factors = { a: t.normal(key(1), [m, inner]), b: t.normal(key(2), [inner, n]) };
  const { a, b } = double(factors);
  const [exact, bound] = [a.matmul(b), productBound(a, b)].map(numbers);
  return {
    title: `matmul ${m} × ${inner} × ${n}`,
    flops: 2 * m * inner * n,
    spec: { kind: 'matmul', m, inner, n },
    inputs: Object.entries(factors).map(([name, x]) => ({ name, shape: x.shape, data: numbers(x) })),
    check: (outputs) => void checkedRatio('y', found(outputs, 'y'), exact, bound),
  };
}

/** So small that a few hundred steps do not change what the layer does. */
const rate = 1e-5;
const decay = 0.01;

/**
 * A training step of an MoE layer, 8 experts, top-2 with renormalised gates, dropless, exact gelu; the loss is the mean square of
 * the output; AdamW with its usual constants, moments at rest. Outputs: `loss`, `gradient.PATH` and `next.PATH` of each parameter.
 *
 * The loss is held to its bound. A gradient is held to γ_N of its norm, N the lengths of the sums it goes through: rounding
 * errors of so many terms stay far below, a wrong formula is far above. The new parameters are held, element by element, to AdamW
 * of the gradient that the library itself computed.
 */
export function moeProblem(width: number, tokens = 1024): Problem {
  const [hidden, experts] = [4 * width, 8];
  const drawn: Layer = drawLayer(engine(cpu()), { tokens, width, hidden, experts });
  const exactly = double(drawn);
  const [loss, gradients] = gradientsOf(exactly);
  const [exactLoss, most] = [loss, lossBound(exactly, ulps)].map((x) => numbers(x)[0]);
  const exact = new Map([...parametersOf(gradients)].map(([path, g]) => [path, numbers(g)]));
  const parameters = [...parametersOf(drawn.layer)].map(([path, theta]) => [path, theta, numbers(theta)] as const);
  return {
    title: `MoE training step, ${tokens} tokens, ${experts} experts, top-2, ${width} → ${hidden}`,
    flops: stepFlops({ tokens, width, hidden }),
    spec: { kind: 'moe', tokens, width, hidden, experts, k: 2, rate, decay },
    inputs: [
      { name: 'x', shape: drawn.x.shape, data: numbers(drawn.x) },
      ...parameters.map(([name, { shape }, data]) => ({ name, shape, data })),
    ],
    check(outputs) {
      checkedRatio('loss', found(outputs, 'loss'), [exactLoss], [most]);
      for (const [path, , theta] of parameters) {
        const gradient = found(outputs, `gradient.${path}`);
        requireNear(`gradient.${path}`, gradient, exact.get(path)!, gamma(width + hidden + 2 * tokens, u));
        const stepped = theta.map((x, i) => x - rate * (gradient[i] / (Math.abs(gradient[i]) + 1e-8) + decay * x));
        const allowed = theta.map((x) => rate * gamma(32, u) + gamma(4, u) * Math.abs(x));
        checkedRatio(`next.${path}`, found(outputs, `next.${path}`), stepped, allowed);
      }
    },
  };
}

/** ‖computed − exact‖ ≤ relative ‖exact‖ */
export function requireNear(what: string, computed: Float32Array, exact: ArrayLike<number>, relative: number): void {
  if (computed.length !== exact.length) throw new Error(`${what}: ${computed.length} numbers for ${exact.length}`);
  let [difference, size] = [0, 0];
  for (let i = 0; i < exact.length; i++) {
    difference += (computed[i] - exact[i]) ** 2;
    size += exact[i] ** 2;
  }
  const error = Math.sqrt(difference / size);
  if (!(error <= relative))
    throw new Error(
      `${what}: off by ${error.toExponential(1)} of its norm, expected at most ${relative.toExponential(1)}`,
    );
}
