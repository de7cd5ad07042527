import type { Engine } from '../../src/engine.ts';
import { Tensor } from '../../src/tensor.ts';
import { leaves, mapTree } from '../../src/tree.ts';
import { type Fault, withEngine, withRecord } from './faulty-engine.ts';

/** Deliberate faults of what surrounds a gradient. */

type Gradient = (parameters: unknown, ...rest: never[]) => unknown;

/** `grad` whose results are edited. */
const withGrad = (edit: (t: Engine, gradients: unknown) => unknown) =>
  withEngine((t) => {
    const grad = t.grad.bind(t) as (f: never) => Gradient;
    t.grad = ((f: never) =>
      (...given: Parameters<Gradient>) =>
        edit(t, grad(f)(...given))) as unknown as Engine['grad'];
  });

const isZero = (x: Tensor): boolean => {
  const buffer = x.view?.buffer as { data: ArrayLike<number> } | undefined;
  return buffer !== undefined && Array.from(buffer.data).every((value) => value === 0);
};

/** Of tensors that several tapes watch, all but the innermost are taken for constants. */
const innermostOnly = withEngine((t) => {
  const run = t.run.bind(t);
  t.run = (op, inputs, attrs) => {
    const level = (x: Tensor) => (x instanceof Tensor ? (x.traced?.tape.level ?? 0) : 0);
    const deepest = Math.max(0, ...inputs.map(level));
    return run(
      op,
      inputs.map((x) => (level(x) > 0 && level(x) < deepest ? x.stopGradient() : x)),
      attrs,
    );
  };
});

export const faults: readonly Fault[] = [
  {
    name: 'customGradient differentiates the function all the same',
    caughtBy: [
      'customGradient states the gradient',
      'customGradient may say that none flows',
      'customGradient is differentiated again',
    ],
    dtype: 'float32',
    on: withEngine((t) => {
      t.customGradient = (forward) => forward;
    }),
  },
  {
    name: 'checkpoint computes again from rounded inputs',
    operation: 'exp',
    caughtBy: 'checkpoint equals plain, bit for bit',
    dtype: 'float32',
    on: withEngine((t) => {
      const { customGradient } = t;
      t.checkpoint = (f) =>
        customGradient.call(t, f, ({ inputs, gradient }) =>
          inputs.map((x) => t.grad((y: Tensor) => f(y).multiply(gradient).sum())(x.multiply(1 + 2 ** -20))),
        );
    }),
  },
  {
    name: 'checkpoint cannot be differentiated again',
    caughtBy: 'checkpoint is differentiated again',
    dtype: 'float32',
    on: withEngine((t) => {
      const { customGradient } = t;
      t.checkpoint = (f) =>
        customGradient.call(t, f, ({ inputs, gradient }) =>
          inputs.map((x) => t.grad((y: Tensor) => f(y).multiply(gradient).sum())(x.stopGradient())),
        );
    }),
  },
  {
    name: 'a stopped gradient flows',
    caughtBy: ['stopGradient is a constant', 'stopGradient is a constant to outer gradients too'],
    dtype: 'float32',
    // Both statements multiply by the stopped tensor: as if it had been the tensor itself.
    on: withRecord('binary', (op) => ({
      ...op,
      vjp: (context) => {
        const [a, b] = op.vjp!(context);
        const { attrs, gradients } = context;
        if ((attrs as { kind?: string }).kind !== 'multiply' || !a) return [a, b];
        return [a.add(gradients[0].multiply(context.inputs[0])), b];
      },
    })),
  },
  {
    name: 'what is not used has gradient one',
    caughtBy: 'a parameter that is not used has gradient zero',
    dtype: 'float32',
    on: withGrad((t, gradients) =>
      leaves(gradients).length < 2 ? gradients : mapTree(gradients, (g) => (isZero(g) ? t.ones(g.shape) : g)),
    ),
  },
  {
    name: 'of several uses the last one counts',
    caughtBy: 'gradients of several uses add up',
    dtype: 'float32',
    on: withRecord('binary', (op) => ({
      ...op,
      vjp: (context) => {
        const [a, b] = op.vjp!(context);
        const [x, y] = context.inputs;
        return x === y && b ? [b.zerosLike(), b] : [a, b];
      },
    })),
  },
  {
    name: 'the inner gradient takes what the outer one watches for constant',
    caughtBy: 'a parameter of an outer gradient is watched by the inner one',
    dtype: 'float32',
    on: innermostOnly,
  },
];
