/**
 * The numbers by which the host names a function to a kernel. Read by both sides, hence no types and no imports: a name here
 * is the name of the contract.
 */

export const negative = 0;
export const abs = 1;
export const sign = 2;
export const reciprocal = 3;
export const square = 4;
export const exp = 5;
export const log = 6;
export const sqrt = 7;
export const tanh = 8;
export const erf = 9;

export const add = 0;
export const subtract = 1;
export const multiply = 2;
export const divide = 3;
export const power = 4;
export const maximum = 5;
export const minimum = 6;

export const equal = 7;
export const notEqual = 8;
export const less = 9;
export const lessEqual = 10;
export const greater = 11;
export const greaterEqual = 12;
export const logicalAnd = 13;
export const logicalOr = 14;

export const relu = 0;
export const sigmoid = 1;
export const silu = 2;
export const softplus = 3;
export const gelu = 4;
export const geluTanh = 5;
