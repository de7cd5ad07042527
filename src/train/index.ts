/** `omoe/train`: the comparison as a library. */

export { type TrainContext, trainDense, trainMethod } from './compare.ts';
export { evaluate, measureExperts } from './measure.ts';
export { comparePlan } from './plan.ts';
export { aggregate, compareResultSchema } from './result.ts';
export { type Interval, meanInterval, pairedInterval } from './statistics.ts';
export type { ComparePlan, DenseModel, Method, MethodRun, ModelShape, StepEvent } from './types.ts';
