/** `omoe/optim`: base optimizers, schedules, clipping, and the orthogonal expert optimizer. Names listed are public. */
export { type AdamWOptions, type AdamWState, adamw } from './adamw.ts';
export { clipByGlobalNorm, globalNorm } from './clip.ts';
export { type Method, methodTable, type NamedMethod, validateOmoeOptions } from './methods.ts';
export {
  cyclePosition,
  type ExpertLinearPaths,
  expertLinears,
  type OmoeOptimizer,
  type OmoeState,
  type OmoeStepResult,
  omoe,
  type Phase,
} from './omoe.ts';
export type { LinearReport } from './omoe-report.ts';
export { applyUpdates, type BaseOptimizer, type Parameters, parametersOf } from './optimizer.ts';
export { type OmoeOptions, omoeDefaults } from './options.ts';
export * from './projector/index.ts';
export { learningRate, type Schedule } from './schedule.ts';
export { type SgdOptions, type SgdState, sgd } from './sgd.ts';
