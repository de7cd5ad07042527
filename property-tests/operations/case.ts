import fc from 'fast-check';
import { type Any, array, type Int, intArray, type Real, toFlat } from '../../spec/array.ts';
import type { Ulps } from '../../spec/rounding/model.ts';
import type { Engine } from '../../src/engine.ts';
import type { Tensor } from '../../src/tensor.ts';
import { type Layout, layoutsOf, repeatValues } from '../arbitraries/layouts.ts';
import type { FloatType } from '../arbitraries/values.ts';

/** How one operation is drawn, run, and what it should give. The laws need nothing else of an operation. */

export type Inputs = Readonly<Record<string, Any>>;

/** One drawn call: input values, and the same computation twice, on the engine and by the definition. */
export interface Call<I extends Inputs = Inputs> {
  /** What was drawn besides the inputs, e.g. `axis −1`; for messages. */
  readonly attrs: string;
  readonly inputs: I;
  run(t: Engine, inputs: { readonly [K in keyof I]: Tensor }): readonly Tensor[];
  /** By spec/, from the same values. */
  exact(inputs: I): readonly Any[];
  /** How far each output may be off in a precision with unit roundoff u; null, or left out: not at all. */
  bound?(inputs: I, u: number, ulps: Ulps): readonly (Real | null)[];
  /**
   * For what multiplies by computed factors: ∞ · 1e-50 in Float64 is ∞ · 0 in Float32. An element that is infinite or NaN by the
   * definition has to be one of the two then, whichever.
   */
  readonly anyInfinity?: true;
  /**
   * Inputs whose elements have to stay as they were drawn, such as lists of indices that are each other's inverse: no layout
   * repeats one of theirs.
   */
  readonly whole?: readonly string[];
  /** The dtype of float results where it is not the working precision. */
  readonly floats?: FloatType;
}

export interface Gradients {
  /** Float64 calls away from kinks and ties, small enough for central differences. */
  readonly calls: fc.Arbitrary<Call>;
  /** The inputs to differentiate. */
  readonly inputs: readonly string[];
  /** Whether second derivatives are defined and continuous there. */
  readonly smooth: boolean;
  /** False where the composition has kinks that cancel in the whole, but not in a second derivative through the parts. */
  readonly smoothComposition?: boolean;
}

export interface OperationCase {
  calls(dtype: FloatType): fc.Arbitrary<Call>;
  /** Left out where no gradient flows. */
  readonly gradients?: Gradients;
}

/** Checks a call's types where it is written, and forgets them after. */
export const call = <I extends Inputs>(of: Call<I>): Call => of;

/** A call with a place in memory for each input. */
export interface PlacedCall {
  readonly call: Call;
  readonly layouts: Readonly<Record<string, Layout>>;
}

/** Draws a layout for every input; the values become equal along the axes that a layout repeats. */
export const placed = (calls: fc.Arbitrary<Call>, layoutsFor = layoutsOf): fc.Arbitrary<PlacedCall> =>
  calls.chain((drawn) => {
    const layouts = Object.fromEntries(
      Object.entries(drawn.inputs).map(([name, x]) => [name, layoutsFor(x.shape, !drawn.whole?.includes(name))]),
    );
    return fc.record(layouts).map((chosen) => ({
      call: {
        ...drawn,
        inputs: Object.fromEntries(
          Object.entries(drawn.inputs).map(([name, x]) => [name, repeatValues(x, chosen[name])]),
        ),
      },
      layouts: chosen,
    }));
  });

/** Whole numbers as reals, for definitions that take only these. */
export const asReal = (x: Any): Real => array(toFlat(x), x.shape);
export const asInt = (x: Any): Int => intArray(toFlat(x), x.shape);
/** A definition on reals, for whole numbers: exact while these stay below 2³¹. */
export const onInts =
  (definition: (...inputs: Real[]) => Real) =>
  (...inputs: Int[]): Int =>
    asInt(definition(...inputs.map(asReal)));
