/** Sizes of blocks that both sides know: hence no types and no imports. */

/** Rows whose shares of ∂w and ∂b of layer norm are summed before these sums are: the same for any number of threads. */
export const normRows = 32;
/** Elements of a row that `norm` folds into one share: the same for any number of threads. */
export const normStretch = 4096;
/** Queries that attention computes together: a panel of keys is packed once for all of them. */
export const queries = 48;
/** Rows of an expert's update that `orthogonalUpdate` projects and sums together: the same for any number of threads. */
export const updateRows = 96;
/** Columns of it that are projected and summed together on the input side, at most 256, and rows that are copied for that at a time. */
export const updateCols = 256;
export const updateDepth = 64;
/** Elements of an expert's update that it scales together. */
export const updateStretch = 4096;
