/**
 * The job sheet of orthogonalUpdate, which the host writes and kernels/orthogonal-update.ts reads: i32 words, places in bytes.
 * Read by both sides, hence no types and no imports.
 */

/** Sizes: rows of ΔW, columns, rows of V, its columns and these in whole tiles. */
export const rows = 0;
export const cols = 4;
export const size = 8;
export const rank = 12;
export const rankStep = 16;
/** 1 on the input side, and 1 where the bias takes part, as a row behind those of ΔW. */
export const input = 20;
export const whole = 24;
/** Addresses of the first expert: ΔW, Δb, V; its step between rows, between columns and between experts. */
export const weight = 28;
export const bias = 32;
export const v = 36;
export const vRow = 40;
export const vCol = 44;
export const vExpert = 48;
/** Results: ΔW′, Δb′, normKept, factor, vanished; and 1 for each expert whose length was foreseen wrongly, else 0. */
export const newWeight = 52;
export const newBias = 56;
export const kept = 60;
export const factor = 64;
export const vanished = 68;
export const missed = 72;
/**
 * The two factors of what is added to Δ. Left, [expert][row + bias][rank]: −ΔV on the output side, V itself on the input side; its
 * steps between experts, rows and columns. Right, [expert] in panels [panel][rank][8]: Vᵀ on the output side, −VᵀΔ on the input side.
 */
export const left = 76;
export const leftExpert = 80;
export const leftRow = 84;
export const leftInner = 88;
export const right = 92;
export const rightBytes = 96;
/** Output side: V of every expert in panels; 0 where it is read where it lies, in whole tiles and rows in one piece. */
export const panels = 100;
export const panelBytes = 104;
/** Blocks of an expert in which its update is projected onto V, and two f64 sums of each: ‖Δ‖², and what the forecast takes off it. */
export const ontoBlocks = 108;
export const before = 112;
/** Blocks of rows in which Δ′ is written, the bias being one, and ‖Δ′‖² of each, f64. */
export const blocks = 116;
export const after = 120;
/** Memory of each thread: a tile, and on the input side some rows of Δ. */
export const scratch = 124;
export const scratchBytes = 128;
/** Whether the length is restored, and the limit of the factor, f64. */
export const renorm = 132;
export const limit = 136;
/** 2 − ‖V_j‖² of each column of V, f64 [expert][rankStep]. */
export const shares = 144;
export const bytes = 152;
