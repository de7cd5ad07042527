import benny from 'benny';
import { cpu } from '../backends/cpu/index.ts';
import { type Engine, engine, key, type Tensor } from '../src/index.ts';
import { moe, topKBalance, topKGate, upcycle } from '../src/moe/index.ts';
import { initFeedForward } from '../src/nn/index.ts';

/**
 * The CPU backend's kernels beside the compositions they stand for, in one run. Results are checked equal before anything is
 * timed. Ratios are what counts: machines differ, and shared ones are noisy.
 */
interface Case {
  readonly name: string;
  /** Builds the inputs once and returns the work to time. */
  readonly prepare: (t: Engine) => () => Tensor;
}

const cases: readonly Case[] = [
  {
    name: 'matmul 128 x 128 x 128',
    prepare: (t) => {
      const [a, b] = [1, 2].map((seed) => t.normal(key(seed), [128, 128]));
      return () => a.matmul(b);
    },
  },
  {
    name: 'top-2 gate, 512 tokens, 8 experts',
    prepare: (t) => {
      const logits = t.normal(key(1), [512, 8]);
      return () => topKGate(logits, { k: 2 }).gates;
    },
  },
  {
    name: 'orthogonal projection, 8 experts, 96 x 48, 24 columns',
    prepare: (t) => {
      const g = t.normal(key(1), [8, 96, 48]);
      const v = t.normal(key(2), [8, 96, 24], { sd: 0.1 });
      return () => g.orthogonalProject(v);
    },
  },
  {
    name: 'MoE layer, forward and backward, 256 tokens, 4 experts, 48 -> 96',
    prepare: (t) => {
      const layer = upcycle(initFeedForward(t, key(1), 48, 96), { experts: 4, key: key(2) });
      const x = t.normal(key(3), [256, 48]);
      const step = t.valueAndGrad((parameters: typeof layer) => {
        const { output, gate } = moe(x, parameters, { k: 2 });
        return output.square().mean().add(topKBalance(gate));
      });
      return () => step(layer)[1].fc1.weight;
    },
  },
];

const kernels = engine(cpu());
const compositions = engine(cpu(), { native: false });

console.log(`Node ${process.version}, one thread, backend cpu`);
for (const { name, prepare } of cases) {
  const [fast, slow] = [prepare(kernels), prepare(compositions)];
  const [a, b] = [Array.from(await fast().data()), Array.from(await slow().data())];
  const scale = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
  if (!(worst <= 1e-4 * scale)) throw new Error(`${name}: kernel and composition differ by ${worst} at scale ${scale}`);
  await benny.suite(
    `${name} (largest difference ${worst.toExponential(1)})`,
    benny.add('kernels', () => void fast()),
    benny.add('compositions', () => void slow()),
    benny.cycle(),
    benny.complete(),
  );
}
