import { describe, requireTensor } from './arguments.ts';
import type { Engine } from './engine.ts';
import { OmoeError, ShapeError, UsageError } from './errors.ts';
import { methodOf, type Op } from './op.ts';
import { formatSpec, isFloat } from './shape.ts';
import { Tensor } from './tensor.ts';
import { leaves, mapTree } from './tree.ts';

/**
 * Reverse-mode differentiation as a decorator of the engine's `run`: nothing here knows any operation.
 *
 * A tape watches some tensors. An operation on a watched tensor is run on the values beneath (`primals`), whatever they are:
 * plain data, or tensors watched by an outer tape. The tape notes the operation; walking the notes backwards and calling
 * each record's `vjp` gives the gradients. As `vjp`s use ordinary tensor methods on the primals, an outer tape watches
 * them in turn: nesting gives higher derivatives with no further code.
 */

/** A tensor's place on a tape: output number `output` of `node`; `primal` is its value one level down. */
export interface Traced {
  readonly tape: Tape;
  readonly node: Node;
  readonly output: number;
  readonly primal: Tensor;
}

interface Node {
  /** null for the watched parameters themselves. */
  readonly op: Op<unknown> | null;
  readonly attrs: unknown;
  /** The nodes the inputs came from; null for inputs that this tape does not watch. */
  readonly sources: readonly (Traced | null)[];
  readonly primals: readonly Tensor[];
  readonly outputs: readonly Tensor[];
}

export class Tape {
  readonly engine: Engine;
  /** Tapes nest; the highest level among an operation's inputs is the innermost tape. */
  readonly level: number;
  readonly #nodes: Node[] = [];
  #open = true;

  constructor(engine: Engine, level: number) {
    this.engine = engine;
    this.level = level;
  }

  close(): void {
    this.#open = false;
  }

  watch(parameter: Tensor): Tensor {
    if (!isFloat(parameter.dtype))
      throw new UsageError({
        operation: 'grad',
        received: `a parameter ${formatSpec(parameter)}`,
        expected: 'float tensors only',
        advice: 'Pass integer and bool tensors as further arguments.',
      });
    // A handle of the tape's own engine: what is computed of parameters alone belongs to its region too.
    const output = this.engine.borrow(parameter);
    return this.#add({ op: null, attrs: null, sources: [], primals: [], outputs: [output] })[0];
  }

  /** The value one level down: what the tape watches is unwrapped, anything else is constant to it. */
  primal(tensor: Tensor): Tensor {
    return tensor.traced?.tape === this ? tensor.traced.primal : tensor;
  }

  record<Attrs>(op: Op<Attrs>, inputs: readonly Tensor[], attrs: Attrs): readonly Tensor[] {
    if (!this.#open)
      throw new UsageError({
        operation: methodOf(op, attrs),
        received: 'a tensor of a gradient that has been taken already',
        expected: 'tensors of the running function',
        advice: 'Return it from the differentiated function as auxiliary output instead of keeping it.',
      });
    const primals = inputs.map((input) => this.primal(input));
    if (op.vjp === null) return this.engine.run(op, primals, attrs);
    const derive = op.vjp !== undefined && (this.engine.options.vjp || !op.compose);
    if (!derive) {
      op.infer(inputs, attrs);
      this.engine.noteComposition(op.name, 'differentiated through its composition');
      return op.compose!(inputs, attrs);
    }
    const outputs = this.engine.run(op, primals, attrs);
    for (const output of outputs)
      if (output.traced && output.traced.tape.level >= this.level)
        throw new UsageError({
          operation: methodOf(op, attrs),
          received: 'a function that uses a differentiated tensor from outside',
          expected: 'every differentiated tensor as an argument',
          advice: 'Pass the parameters to checkpoint or customGradient explicitly.',
        });
    const sources = inputs.map((input) => (input.traced?.tape === this ? input.traced : null));
    return this.#add({ op: op as Op<unknown>, attrs, sources, primals, outputs });
  }

  #add(node: Node): readonly Tensor[] {
    this.#nodes.push(node);
    return node.outputs.map((primal, output) =>
      isFloat(primal.dtype) ? new Tensor(primal.engine, { traced: { tape: this, node, output, primal } }) : primal,
    );
  }

  /** Gradients of Σ result · seed with respect to `targets`, one level down; zeros where the result does not depend on one. */
  backward(result: Tensor, seed: Tensor, targets: readonly Tensor[]): Tensor[] {
    const gradients = new Map<Node, (Tensor | undefined)[]>();
    const accumulate = ({ node, output }: Traced, gradient: Tensor) => {
      const sums = gradients.get(node) ?? node.outputs.map(() => undefined);
      sums[output] = sums[output]?.add(gradient) ?? gradient;
      gradients.set(node, sums);
    };
    if (result.traced?.tape === this) accumulate(result.traced, seed);

    for (let i = this.#nodes.length - 1; i >= 0; i--) {
      const node = this.#nodes[i];
      const sums = gradients.get(node);
      if (!sums || !node.op) continue;
      const filled = node.outputs.map((output, o) => sums[o] ?? (isFloat(output.dtype) ? output.zerosLike() : output));
      const flowing = node.op.vjp!({
        inputs: node.primals,
        outputs: node.outputs,
        gradients: filled,
        reached: node.outputs.map((_, o) => sums[o] !== undefined),
        attrs: node.attrs,
      });
      if (!Array.isArray(flowing) || flowing.length !== node.sources.length)
        throw new OmoeError({
          operation: `gradient of ${methodOf(node.op, node.attrs)}`,
          received: Array.isArray(flowing) ? `${flowing.length} gradients` : describe(flowing),
          expected: `an array of ${node.sources.length}, one for each input`,
          advice: 'The vjp gives null for an input that no gradient flows to.',
        });
      node.sources.forEach((source, input) => {
        const gradient = flowing[input];
        if (source && gradient) accumulate(source, checked(methodOf(node.op!, node.attrs), gradient, source.primal));
      });
      gradients.delete(node);
    }
    return targets.map(
      (target) => gradients.get(target.traced!.node)?.[target.traced!.output] ?? target.traced!.primal.zerosLike(),
    );
  }
}

/** A gradient has its input's shape and dtype; a `vjp` that breaks this is found where it happens. */
function checked(operation: string, gradient: Tensor, input: Tensor): Tensor {
  requireTensor(`gradient of ${operation}`, '', gradient);
  if (formatSpec(gradient) !== formatSpec(input))
    throw new OmoeError({
      operation: `gradient of ${operation}`,
      received: formatSpec(gradient),
      expected: `${formatSpec(input)}, the spec of its input`,
      advice: 'The vjp of this operation is wrong.',
    });
  return gradient;
}

/** Runs `f` under a fresh tape that watches `parameters`, and hands its result to `finish` one level up. */
function underTape<P, R, S>(
  engine: Engine,
  parameters: P,
  f: (watched: P) => R,
  finish: (tape: Tape, result: R, watched: P) => S,
): S {
  return engine.nested((level) => {
    const tape = new Tape(engine, level);
    try {
      const watched = mapTree(parameters, (tensor) => tape.watch(tensor));
      return finish(tape, f(watched), watched);
    } finally {
      tape.close();
    }
  });
}

/** Value, auxiliary output and gradients of a scalar function of a tree of parameters. */
export function differentiate<P, A>(
  engine: Engine,
  f: (parameters: P) => readonly [Tensor, A],
  parameters: P,
): { value: Tensor; aux: A; gradients: P } {
  return underTape(engine, parameters, f, (tape, [value, aux], watched) => {
    if (!(value instanceof Tensor) || value.rank !== 0 || !isFloat(value.dtype))
      throw new ShapeError({
        operation: 'grad',
        received: describe(value),
        expected: 'a function that returns a float tensor of rank 0',
        advice: 'Reduce the loss with .mean() or .sum(); differentiated functions are synchronous.',
      });
    const targets = leaves(watched).map(({ tensor }) => tensor);
    const found = tape.backward(value, tape.primal(value).onesLike(), targets);
    let next = 0;
    return {
      value: tape.primal(value),
      aux: mapTree(aux, (tensor) => tape.primal(tensor)),
      gradients: mapTree(watched, () => found[next++]),
    };
  });
}

/** The vector–Jacobian product of a function of several tensors: outputs, and a function from their gradient to the inputs'. */
export function pullback(
  engine: Engine,
  f: (...inputs: readonly Tensor[]) => Tensor,
  inputs: readonly Tensor[],
  seed: (output: Tensor) => Tensor,
): { output: Tensor; gradients: Tensor[] } {
  const floats = inputs.filter((input) => isFloat(input.dtype));
  return underTape(
    engine,
    floats,
    (watched) => {
      let next = 0;
      return f(...inputs.map((input) => (isFloat(input.dtype) ? watched[next++] : input)));
    },
    (tape, result, watched) => {
      const output = tape.primal(result);
      return { output, gradients: tape.backward(result, seed(output), watched) };
    },
  );
}

/** An operation with a gradient of the caller's own. */
export const customOp = (
  name: string,
  forward: (...inputs: readonly Tensor[]) => Tensor,
  vjp: (context: { inputs: readonly Tensor[]; output: Tensor; gradient: Tensor }) => readonly (Tensor | null)[],
): Op<unknown> => ({
  name,
  kind: 'composite',
  infer: () => [],
  compose(inputs) {
    const output = forward(...inputs);
    requireTensor(name, 'the result of the function', output);
    return [output];
  },
  vjp: ({ inputs, outputs: [output], gradients: [gradient] }) => vjp({ inputs, output, gradient }),
});
