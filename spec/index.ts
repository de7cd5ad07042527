/**
 * The specification: every operation of the engine and every equation of the method, as functions on ndarrays.
 * Naive on purpose: Float64, plain loops, the equation above the line.
 */
export * from './array.ts';
export * from './gradients.ts';
export * from './method/index.ts';
export * from './ops/index.ts';
export * as random from './random.ts';
/** Error bounds, to compare a computation in working precision with a definition. */
export * as rounding from './rounding.ts';
