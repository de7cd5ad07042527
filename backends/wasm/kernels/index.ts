/** Everything that the host calls: a file of kernels is one line here. What files only share stands in files of its own. */

export * from './activation-kernels';
export * from './adamw';
export * from './attention';
export * from './binary';
export * from './cast';
export * from './copy';
export * from './cumsum';
export * from './dispatch';
export * from './fill';
export * from './gate';
export * from './gather';
export * from './join';
export * from './layer-norm';
export { normJoinF32, normJoinF64, normStretchesF32, normStretchesF64 } from './norm';
export * from './order';
export * from './orthogonal-update';
export * from './plan';
export * from './product';
export * from './reduce';
export * from './select';
export * from './sgd';
export * from './softmax';
export * from './unary';
export * from './update-factors';
