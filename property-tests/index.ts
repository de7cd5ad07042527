/**
 * `omoe/conformance`: what must be true of every backend, as properties over drawn inputs, under any test runner or none.
 * It imports fast-check, the library and the specification, and knows no backend and no runner.
 */
export * as arbitraries from './arbitraries/index.ts';
export { bounds } from './kit/bounds.ts';
export { type Capability, capabilities } from './kit/capabilities.ts';
export { expectClose, NotClose } from './kit/compare.ts';
export {
  type ConformanceOptions,
  conformance,
  lawNames,
  type Runner,
  runConformance,
  type SuiteOptions,
} from './kit/conformance.ts';
export {
  type BoundRow,
  boundRows,
  boundsMarkdown,
  formatBounds,
  formatClaims,
  type Report,
  type ReportDocument,
  reportDocument,
} from './kit/report.ts';
export type { LawResult, RunOptions } from './kit/run.ts';
export { LawBroken } from './kit/settings.ts';
export type { Skip, Skips } from './kit/skips.ts';
export type { AnyBackend } from './kit/subject.ts';
