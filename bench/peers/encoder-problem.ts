import { cpu } from '../../backends/cpu/index.ts';
import { wasm } from '../../backends/wasm/index.ts';
import { engine, key, mapTree, type SyncEngine, type Tensor } from '../../src/index.ts';
import { parametersOf } from '../../src/optim/index.ts';
import type { Size } from '../case.ts';
import {
  encoderBatch,
  encoderFlops,
  encoderInputs,
  encoderSize,
  encoderTitle,
  encoderTolerance,
  encoderTrainee,
  tokensOf,
} from '../encoder.ts';
import { checkedRatio } from '../measure.ts';
import { type Problem, requireNear } from './problems.ts';

/** So small that a few hundred steps do not change what the model does. */
const rate = 1e-6;
const decay = 0.01;

/**
 * A training step of the whole encoder (../encoder.ts): forward, cross entropy, backward, AdamW, nothing clipped. Outputs: `loss`,
 * and `gradient.PATH` of each parameter. Both are held, within `encoderTolerance`, to the same in Float64, which our WebAssembly
 * backend computes: at this size the readable one would take minutes.
 *
 * The bias of the keys has no gradient but rounding errors: adding one number to all scores of a query changes no softmax.
 */
export async function encoderProblem(size: Size): Promise<Problem> {
  const { config, layers, width, batch, length } = encoderSize(size);
  const drawn = encoderInputs(engine(cpu()), size);
  const host = (x: Tensor) => (x.engine as SyncEngine).dataSync(x) as Float32Array;
  const named: [string, Tensor][] = [
    ...parametersOf(drawn.parameters),
    ['tokens', drawn.tokens],
    ['labels', drawn.labels],
  ];

  const backend = await wasm();
  const t = engine(backend, { dtype: 'float64' });
  const exactly = mapTree(drawn, (x) =>
    x.dtype === 'float32' ? t.tensor(Float64Array.from(host(x)), x.shape) : t.tensor(host(x).slice(), x.shape, x.dtype),
  );
  const { loss } = encoderTrainee(config);
  const [value, gradients] = t.valueAndGrad(
    (parameters: typeof exactly.parameters) => loss(parameters, encoderBatch(exactly), null, key(0))[0],
  )(exactly.parameters);
  const exactLoss = (await value.data())[0];
  const exact = new Map<string, ArrayLike<number>>();
  for (const [path, gradient] of parametersOf(gradients)) exact.set(path, await gradient.data());
  await backend.dispose();

  const tolerance = encoderTolerance(size);
  const found = (outputs: ReadonlyMap<string, Float32Array>, name: string) => {
    const output = outputs.get(name);
    if (!output) throw new Error(`no output ${name} among ${[...outputs.keys()].join(', ')}`);
    return output;
  };
  const { heads, hidden, epsilon } = config;
  return {
    title: encoderTitle(size),
    flops: encoderFlops(size),
    tokens: tokensOf(size),
    spec: {
      kind: 'encoder',
      size: String(size),
      layers,
      width,
      hidden,
      heads,
      epsilon,
      batch,
      length,
      k: 2,
      rate,
      decay,
    },
    inputs: named.map(([name, x]) => ({ name, shape: x.shape, data: Float32Array.from(host(x)) })),
    check(outputs) {
      checkedRatio('loss', found(outputs, 'loss'), [exactLoss], [tolerance * (1 + exactLoss)]);
      for (const [path, gradient] of exact)
        if (!path.endsWith('key.bias'))
          requireNear(`gradient.${path}`, found(outputs, `gradient.${path}`), gradient, tolerance);
    },
  };
}
