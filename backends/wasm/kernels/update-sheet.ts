/**
 * The job sheet of orthogonalUpdate, which the host writes and kernels/orthogonal-update.ts reads: i32 words, places in bytes.
 * Read by both sides, hence no types and no imports.
 */

/** Sizes: rows of ΔW, columns, columns of V and these in whole tiles. */
export const rows = 0;
export const cols = 4;
export const rank = 8;
export const rankStep = 12;
/** Addresses of the first expert: ΔW, Δb, V; its step between rows, between columns and between experts. */
export const weight = 16;
export const bias = 20;
export const v = 24;
export const vRow = 28;
export const vCol = 32;
export const vExpert = 36;
/** Results: ΔW′, Δb′, normKept, factor, vanished; and 1 for each expert whose length was foreseen wrongly, else 0. */
export const newWeight = 40;
export const newBias = 44;
export const kept = 48;
export const factor = 52;
export const vanished = 56;
export const missed = 60;
/** −ΔV [expert][row + 1][rankStep], the last row that of the bias. */
export const along = 64;
/** V and Vᵀ in panels, both of every expert; 0 for V where it is read where it lies, in whole tiles and rows in one piece. */
export const panels = 68;
export const panelBytes = 72;
export const transposed = 76;
export const transposedBytes = 80;
/** For each block of rows three Float64 sums: ‖Δ‖², what the forecast takes off it, and ‖Δ′‖². */
export const sums = 84;
/** Blocks of rows of an expert, the bias being the last. */
export const blocks = 88;
/** Memory of each thread: a tile. */
export const scratch = 92;
export const scratchBytes = 96;
/** Whether the length is restored, and the limit of the factor, f64. */
export const renorm = 100;
export const limit = 104;
/** 2 − ‖V_j‖² of each column of V, f64 [expert][rankStep]. */
export const shares = 112;
export const bytes = 120;
