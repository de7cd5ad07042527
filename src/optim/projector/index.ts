/** OMoE's projectors on plain Float64 matrices: statistics in, Q_i out, and what is done with them. No engine needed. */
export type { ProjectorOptions } from './build.ts';
export { buildProjectors, recorded } from './build.ts';
export type { Recorded, RidgeOptions } from './combine.ts';
export {
  expertProjector,
  hardProjector,
  hardRank,
  meanProjector,
  randomRotation,
  rotated,
  sources,
  spanProjector,
  stackedColumns,
} from './combine.ts';
export { leakage, traceShare } from './leakage.ts';
export type { Projector, ProjectorFacts } from './projector.ts';
export {
  denseProjector,
  factoredProjector,
  identityProjector,
  projectColumns,
  projectRows,
  toDense,
} from './projector.ts';
export type { Renormed } from './renorm.ts';
export { normKept, normMatched, renorm } from './renorm.ts';
export { recursionStep, ridge, ridgeProjector } from './ridge.ts';
export type { Compressed } from './sketch.ts';
export { compress } from './sketch.ts';
export type { ExpertColumnsState } from './statistics.ts';
export { ExpertColumns } from './statistics.ts';
export type { LearntSpan, UpdateBasis } from './update-side.ts';
export { learntSpan, projectAgainstUpdates, projectAllAgainstUpdates, projectOff, updateBasis } from './update-side.ts';
