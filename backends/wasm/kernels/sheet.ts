/**
 * The job sheet of a list of matrix products, which the host writes and kernels/product.ts reads: a head of i32 words, then an
 * entry for each product. Read by both sides, hence no types and no imports. Places are in bytes.
 */

// The head. Steps are in bytes too.
/** Columns of C. */
export const cols = 0;
export const aRow = 4;
export const aInner = 8;
export const bInner = 12;
export const bCol = 16;
/** Between rows of C. */
export const cRow = 20;
/** Between rows of `start`; 0 for a bias, which is one row for all. */
export const startRow = 24;
/** In which form B is read: one of the three below. */
export const form = 28;
/** The largest size of a block of C, a work item. */
export const rowBlock = 32;
export const colBlock = 36;
/** Memory for each thread: a strip of A, a tile of C and panels of B. */
export const scratch = 40;
export const scratchBytes = 44;
/** 1: C = −(start + A·B). */
export const negative = 48;
/** 1 + the number of an activation (kernels/kinds.ts) that goes over C; 0: none. */
export const activation = 52;
/** From an element of C to where its activation is written. */
export const toActivated = 56;
export const headBytes = 64;

// An entry. Behind the last one stands the number of all work items.
/** The number of the product's first work item. */
export const item = 0;
/** Of A and C. */
export const rows = 4;
/** Length of the inner axis. */
export const inner = 8;
/** Addresses. `start` is what the sums begin with; 0 stands for zeros. */
export const a = 12;
export const b = 16;
export const c = 20;
export const start = 24;
export const entryBytes = 32;

// Forms of B.
/** Where it lies; its rows lie in one piece. */
export const inPlace = 0;
/** In panels, as `pack` left them before. */
export const inPanels = 1;
/** Each work item makes panels of what it needs, for itself. */
export const inOwnPanels = 2;

// Sizes that both sides know.
/** Rows of a tile, and bytes of one of its rows. */
export const tall = 6;
export const tileBytes = 32;
/** The most of the inner axis, and of the columns, in a block. */
export const mostInner = 256;
export const mostCols = 512;
/** Panels of B that are packed together. */
export const packedTogether = 32;
