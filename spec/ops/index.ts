/** Every operation of the engine, defined. */
export * from './activation.ts';
export * from './attention.ts';
export * from './cross-entropy.ts';
export * from './dropout.ts';
export * from './elementwise.ts';
export { erfc, normalCdf } from './error-function.ts';
export * from './layer-norm.ts';
export * from './linear.ts';
export * from './matmul.ts';
export * from './order.ts';
export * from './orthogonal-update.ts';
export * from './placement.ts';
export * from './projection.ts';
export * from './reduce.ts';
export * from './routing.ts';
export * from './softmax.ts';
export * from './views.ts';
