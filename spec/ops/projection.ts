/**
 * The two contractions of the orthogonal phase. Axes before the last two are batch axes.
 */
import type { Real } from '../array.ts';
import { subtract } from './elementwise.ts';
import { matmul } from './matmul.ts';
import { permuteDims } from './views.ts';

/** The last two axes exchanged. */
export const transpose = (a: Real): Real => permuteDims(a, [...a.shape.slice(0, -2).map((_, axis) => axis), -1, -2]);

/** gram(A) = AᵀA: [..., row, col] -> [..., col, col] */
export const gram = (a: Real): Real => matmul(transpose(a), a);

/**
 * G − V(VᵀG): the part of G outside the span of V's columns, where these are orthonormal.
 * G [..., row, col], V [..., row, rank] -> [..., row, col]
 */
export const orthogonalProject = (g: Real, v: Real): Real => subtract(g, matmul(v, matmul(transpose(v), g)));

/**
 * G − (G V)Vᵀ: the same of the rows of G.
 * G [..., row, col], V [..., col, rank] -> [..., row, col]
 */
export const orthogonalProjectRight = (g: Real, v: Real): Real => subtract(g, matmul(matmul(g, v), transpose(v)));
