/** Sizes of blocks that both sides know: hence no types and no imports. */

/** Rows whose shares of ∂w and ∂b of layer norm are summed before these sums are: the same for any number of threads. */
export const normRows = 32;
/** Elements of a row that `norm` folds into one share: the same for any number of threads. */
export const normStretch = 4096;
/** Queries that attention computes together: a panel of keys is packed once for all of them. */
export const queries = 48;
/** Rows of an expert's update that `orthogonalUpdate` projects and sums together: the same for any number of threads. */
export const updateRows = 96;
/** Elements of an expert's update that it scales together. */
export const updateStretch = 4096;
