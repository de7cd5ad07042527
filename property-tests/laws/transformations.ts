import fc from 'fast-check';
import type { Engine } from '../../src/engine.ts';
import { type CompositeName, composites } from '../../src/ops/index.ts';
import { isFloat } from '../../src/shape.ts';
import type { Tensor } from '../../src/tensor.ts';
import { contiguous } from '../arbitraries/layouts.ts';
import { shapes } from '../arbitraries/shapes.ts';
import { between, realsOf } from '../arbitraries/values.ts';
import { describeInputs, firstDifference } from '../kit/compare.ts';
import { holds, type Settings, type Subject } from '../kit/settings.ts';
import type { OperationName } from '../operations/index.ts';
import { roundedTo, weightedSum } from './gradients.ts';
import { Counterexample, forEachOperation, type Law, mapInputs, promised } from './law.ts';

/** What surrounds a gradient: checkpointing, gradients of the caller's own, constants, and nesting. All bit for bit. */

async function requireSame(what: string, actual: Tensor, expected: Tensor, inputs: Readonly<Record<string, Tensor>>) {
  const difference = firstDifference(await actual.data(), await expected.data(), expected.shape);
  if (difference) throw new Counterexample(`${what}: ${difference}\n${await describeInputs(inputs)}`);
}

/** What states no gradient runs as its composition where it is differentiated, and may then differ from its kernel. */
const statesGradient = (operation: OperationName): boolean =>
  !(operation in composites) || composites[operation as CompositeName].vjp !== undefined;

/** Computing intermediates a second time instead of keeping them changes no bit, of the value or of any gradient. */
export const checkpointEqualsPlain: Law[] = promised(
  forEachOperation(
    'checkpoint equals plain, bit for bit',
    async (operation, { gradients }, subject, settings) => {
      const t = subject.engine({ native: statesGradient(operation) });
      const calls = gradients!.calls.map((call) => roundedTo(subject.dtype, call));
      await holds(`checkpoint equals plain, bit for bit: ${operation}`, settings, calls, async (call) => {
        const inputs = mapInputs(call.inputs, (x) => contiguous(t, x));
        const order = Object.keys(inputs);
        const floats = order.filter((name) => isFloat(inputs[name].dtype));
        const f = (...values: readonly Tensor[]) =>
          weightedSum(call.run(t, Object.fromEntries(values.map((value, i) => [order[i], value]))));
        const checkpointed = t.checkpoint(f);
        const parameters = Object.fromEntries(floats.map((name) => [name, inputs[name]]));
        const through = (g: typeof f) => (watched: Record<string, Tensor>) =>
          g(...order.map((name) => watched[name] ?? inputs[name]));
        const [plainValue, plain] = t.valueAndGrad(through(f))(parameters);
        const [value, kept] = t.valueAndGrad(through(checkpointed))(parameters);
        await requireSame(`value of ${operation}(${call.attrs})`, value, plainValue, inputs);
        for (const name of floats)
          await requireSame(`gradient of ${operation}(${call.attrs}) to ${name}`, kept[name], plain[name], inputs);
      });
    },
    (of) => of.gradients !== undefined,
  ),
  'repeatable',
);

type Statement = (t: Engine, x: Tensor) => { readonly actual: Tensor; readonly expected: Tensor };

/** A statement about one drawn tensor of the working precision. */
const aboutTensor = (name: string, statement: Statement): Law => ({
  name,
  async hold(subject: Subject, settings: Settings) {
    const t = subject.engine();
    const values = shapes({ maxRank: 3 }).chain((shape) =>
      realsOf(shape, fc.oneof(fc.constant(0), between(subject.dtype, -4, 4))),
    );
    await holds(name, settings, values, async (values) => {
      const x = contiguous(t, values);
      const { actual, expected } = statement(t, x);
      await requireSame(name, actual, expected, { x });
    });
  },
});

export const transformationLaws: readonly Law[] = [
  aboutTensor('customGradient states the gradient', (t, x) => {
    const f = t.customGradient(
      (y) => y.square(),
      ({ inputs: [y], gradient }) => [gradient.multiply(y).multiply(3)],
    );
    // 3x instead of 2x
    return { actual: t.grad((y: Tensor) => f(y).sum())(x), expected: x.multiply(3) };
  }),
  aboutTensor('customGradient may say that none flows', (t, x) => {
    const f = t.customGradient(
      (y) => y.square(),
      () => [null],
    );
    return { actual: t.grad((y: Tensor) => f(y).add(y).sum())(x), expected: x.onesLike() };
  }),
  aboutTensor('customGradient is differentiated again', (t, x) => {
    const f = t.customGradient(
      (y) => y.square(),
      ({ inputs: [y], gradient }) => [gradient.multiply(y.square())],
    );
    // ∂ = x², ∂∂ = 2x
    const first = (y: Tensor) =>
      t
        .grad((z: Tensor) => f(z).sum())(y)
        .sum();
    return { actual: t.grad(first)(x), expected: x.multiply(2) };
  }),
  aboutTensor('checkpoint is differentiated again', (t, x) => {
    const f = t.checkpoint((y) => y.multiply(y.square()).sum());
    // (x·x²)' = x² + x·2x and (x·x²)'' by the plain function, through the same operations
    const second = (g: (y: Tensor) => Tensor) => t.grad((y: Tensor) => t.grad(g)(y).sum())(x);
    return { actual: second(f), expected: second((y) => y.multiply(y.square()).sum()) };
  }),
  aboutTensor('stopGradient is a constant', (t, x) => ({
    actual: t.grad((y: Tensor) => y.multiply(y.stopGradient()).sum())(x),
    expected: x,
  })),
  aboutTensor('stopGradient is a constant to outer gradients too', (t, x) => ({
    actual: t.grad((y: Tensor) =>
      t
        .grad((z: Tensor) => z.multiply(y.stopGradient()).sum())(y)
        .sum(),
    )(x),
    expected: x.zerosLike(),
  })),
  aboutTensor('a parameter that is not used has gradient zero', (t, x) => ({
    actual: t.grad(({ used }: { used: Tensor; unused: Tensor }) => used.sum())({ used: x, unused: x }).unused,
    expected: x.zerosLike(),
  })),
  aboutTensor('gradients of several uses add up', (t, x) => ({
    actual: t.grad((y: Tensor) => y.add(y).add(y.multiply(2)).sum())(x),
    expected: x.onesLike().multiply(4),
  })),
  aboutTensor('a parameter of an outer gradient is watched by the inner one', (t, x) => ({
    // ∂/∂y Σ y · ∂/∂z Σ yz = ∂/∂y Σ y² = 2y
    actual: t.grad((y: Tensor) => y.multiply(t.grad((z: Tensor) => z.multiply(y).sum())(y)).sum())(x),
    expected: x.multiply(2),
  })),
];
