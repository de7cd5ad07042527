/** `omoe/linalg`: dense Float64 factorisations on the host, for projectors and measures. */
export { cholesky, NotPositiveDefiniteError, solveCholesky, solveLower } from './cholesky.ts';
export type { Eigh } from './eigh.ts';
export { eigh } from './eigh.ts';
export type { Matrix } from './matrix.ts';
export {
  concatColumns,
  frobeniusNorm,
  fromColumns,
  fromRows,
  identity,
  leadingColumns,
  matrix,
  maxAbs,
  multiply,
  multiplyLeftTransposed,
  multiplyRightTransposed,
  norm,
  outerGram,
  powerOfTwoScale,
  scale,
  transpose,
  unitRoundoff,
} from './matrix.ts';
export type { PivotedQr, Qr } from './qr.ts';
export { pivotedQr, qr, qrTriangle } from './qr.ts';
export type { Svd } from './svd.ts';
export { leftSingular, svd } from './svd.ts';
