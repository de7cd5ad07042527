import fc from 'fast-check';
import { array, type Bool, fromFunction, type Real } from '../../spec/array.ts';
import type { OmoeOptions } from '../../src/optim/options.ts';
import { type DrawnLayer, drawnLayers, eighths, masks } from './experts.ts';

/** Short trainings of one small layer whose tokens are hard on projectors, and the switches of the optimizer. */

export interface DrawnTraining {
  readonly layer: DrawnLayer;
  /** One batch a step: x [token, width], its mask, and the gradient of the loss by the layer's output. */
  readonly batches: readonly { readonly x: Real; readonly mask: Bool; readonly slope: Real }[];
  readonly learningRate: number;
}

/**
 * Tokens [token, width] that are all one direction (rank 1), that repeat each other, that are all zero, or that are anything;
 * all times one scale from 1e-6 to 1e6.
 */
const plantedTokens = (tokens: number, width: number, scale: number): fc.Arbitrary<Real> => {
  const any = eighths([tokens, width]);
  const rankOne = fc
    .tuple(eighths([tokens, 1]), eighths([1, width]))
    .map(([left, right]) => fromFunction([tokens, width], ([i, j]) => left.get(i, 0) * right.get(0, j)));
  const repeated = fc
    .tuple(any, fc.array(fc.nat(Math.max(0, tokens - 1)), { minLength: tokens, maxLength: tokens }))
    .map(([x, from]) => fromFunction([tokens, width], ([i, j]) => x.get(from[i], j)));
  const zero = fc.constant(array(new Float64Array(tokens * width), [tokens, width]));
  return fc
    .oneof({ weight: 4, arbitrary: any }, { weight: 2, arbitrary: rankOne }, { weight: 2, arbitrary: repeated }, zero)
    .map((x) => fromFunction(x.shape, (index) => Math.fround(scale * x.get(...index))));
};

/** @param steps batches of one training; with few tokens and up to five experts, some experts often get none. */
export const drawnTrainings = (steps: number, range: { least?: number } = {}): fc.Arbitrary<DrawnTraining> =>
  fc
    .record({
      layer: drawnLayers({ tokens: 0 }),
      tokens: fc.integer({ min: range.least ?? 0, max: 6 }),
      exponent: fc.constantFrom(-6, -3, 0, 0, 0, 3, 6),
    })
    .chain(({ layer, tokens, exponent }) => {
      const width = layer.x.shape[1];
      const scale = 10 ** exponent;
      return fc.record({
        layer: fc.constant(layer),
        batches: fc.array(
          fc.record({ x: plantedTokens(tokens, width, scale), mask: masks(tokens), slope: eighths([tokens, width]) }),
          { minLength: steps, maxLength: steps },
        ),
        // Gradients of fc1 and fc2 grow with the scale, and what they do to the next output with its square.
        learningRate: fc.constant(2 ** -6 / Math.max(1, scale * scale)),
      });
    });

export const baseNames = ['sgd', 'momentum', 'nesterov', 'adamw'] as const;
export type BaseName = (typeof baseNames)[number];

/** The switches of a cycle of 2 + 1 steps in which every recorded column is kept; what is given stays as it is. */
export const drawnOptions = (given: Partial<OmoeOptions> = {}): fc.Arbitrary<OmoeOptions> =>
  fc
    .record({
      side: fc.constantFrom<OmoeOptions['side']>('input', 'output'),
      combine: fc.constantFrom<OmoeOptions['combine']>('mean', 'span', 'hard'),
      statistic: fc.constantFrom<OmoeOptions['statistic']>('mean', 'tokens'),
      bias: fc.constantFrom<OmoeOptions['bias']>('augment', 'freeze'),
      layers: fc.constantFrom<OmoeOptions['layers']>('fc1', 'fc2', 'both'),
      alpha: fc.constantFrom(1e-6, 1e-3, 1),
      alphaMode: fc.constantFrom<OmoeOptions['alphaMode']>('relative', 'absolute'),
      energy: fc.constantFrom(0.5, 0.95, 1),
      renorm: fc.boolean(),
      renormLimit: fc.constantFrom(2, 10),
      updateEvery: fc.constantFrom(1, 1, 2),
      resetEachCycle: fc.boolean(),
    })
    .map((drawn) => ({
      ...{ accumulateSteps: 2, orthogonalSteps: 1, form: 'qr', project: 'update', columns: 'others' },
      ...{ control: 'none', sketch: 0, forgetting: 1, plasticityWarning: 0.05 },
      ...drawn,
      ...given,
    })) as fc.Arbitrary<OmoeOptions>;
