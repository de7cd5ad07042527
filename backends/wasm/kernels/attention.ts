import { lanes, sumOfLanes } from './arithmetic';
import * as blocks from './blocks';
import { exp } from './exp';
import { headProduct } from './heads';
import { highestLane, loadPart, rowAt, storePart } from './rows';
import { softmaxGradientRow } from './softmax-row';
import { thread } from './thread';

/**
 * Attention in blocks of queries: the scores of a block go where its weights will stand, become weights there, and meet the
 * values while they are still in the caches. What flows back takes the same blocks.
 *
 * q, k, v and the gradient of y may be any views: `operands` lists for each its address and its steps along batch, head,
 * position and dim, in bytes. Everything else is row-major.
 */

const operandBytes: usize = 20;
const q: usize = 0;
const k: usize = operandBytes;
const v: usize = 2 * operandBytes;
const gradient: usize = 3 * operandBytes;

/** Where the matrix [position, dim] of a head begins. */
function matrixOf(operands: usize, which: usize, head: i32, heads: i32): usize {
  const operand = operands + which;
  return load<usize>(operand) + (head / heads) * load<i32>(operand, 4) + (head % heads) * load<i32>(operand, 8);
}
function rowStep(operands: usize, which: usize): usize {
  return load<usize>(operands + which, 12);
}
function dimStep(operands: usize, which: usize): usize {
  return load<usize>(operands + which, 16);
}

/** All bits of an element set where a key is real, none where it is padding. Work items are keys. */
export function maskBits32(mask: usize, bits: usize, first: i32, last: i32): void {
  for (let i: usize = first; i < <usize>last; i++) store<i32>(bits + (i << 2), -(<i32>load<u8>(mask + i)));
}
export function maskBits64(mask: usize, bits: usize, first: i32, last: i32): void {
  for (let i: usize = first; i < <usize>last; i++) store<i64>(bits + (i << 3), -(<i64>load<u8>(mask + i)));
}

/**
 * A row of scores becomes weights in place: e^{s − m}/Σ e^{s − m} with s = scale · score, m and Σ over the real keys. The others
 * count as −∞, and are 0 at the end even where the real ones are NaN, or where there is none.
 */
function weightsRow<T>(row: usize, bits: usize, n: i32, scale: T): void {
  const lowest = v128.splat<T>(<T>-Infinity);
  const factor = v128.splat<T>(scale);
  const whole = n & ~(lanes<T>() - 1);
  const rest = n - whole;
  const end = <usize>whole * sizeof<T>();

  let highest = lowest;
  for (let at: usize = 0; at < end; at += 16) {
    const scores = v128.mul<T>(v128.load(row + at), factor);
    const real = v128.bitselect(scores, lowest, v128.load(bits + at));
    highest = v128.pmax<T>(highest, real);
    v128.store(row + at, real);
  }
  // The last, not full vector stays here between the passes.
  let last = lowest;
  let lastBits = lowest;
  if (rest > 0) {
    lastBits = loadPart<T>(bits + end, rest, v128.splat<T>(<T>0));
    last = v128.bitselect(v128.mul<T>(loadPart<T>(row + end, rest, lowest), factor), lowest, lastBits);
    highest = v128.pmax<T>(highest, last);
  }

  const m = v128.splat<T>(highestLane<T>(highest));
  let sum = v128.splat<T>(<T>0);
  if (rest > 0) {
    last = exp<T>(v128.sub<T>(last, m));
    sum = last;
  }
  for (let at: usize = 0; at < end; at += 16) {
    const e = exp<T>(v128.sub<T>(v128.load(row + at), m));
    sum = v128.add<T>(sum, e);
    v128.store(row + at, e);
  }

  const inverse = v128.splat<T>(<T>1 / sumOfLanes<T>(sum));
  for (let at: usize = 0; at < end; at += 16)
    v128.store(row + at, v128.and(v128.mul<T>(v128.load(row + at), inverse), v128.load(bits + at)));
  if (rest > 0) storePart<T>(row + end, rest, v128.and(v128.mul<T>(last, inverse), lastBits));
}

// Work items are blocks of queries, head by head.
function attention<T>(
  operands: usize,
  bits: usize,
  y: usize,
  weights: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: T,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  const across = (positions + blocks.queries - 1) / blocks.queries;
  const rowBytes = <usize>positions * sizeof<T>();
  const dimBytes = <usize>dim * sizeof<T>();
  const own = scratch + <usize>thread * scratchBytes;
  for (let item = first; item < last; item++) {
    const head = item / across;
    const from = (item % across) * blocks.queries;
    const rows = min(blocks.queries, positions - from);
    const block = rowAt<T>(weights, head * positions + from, positions);
    const qRow = rowStep(operands, q);
    const queries = matrixOf(operands, q, head, heads) + <usize>from * qRow;
    const keys = matrixOf(operands, k, head, heads);
    const values = matrixOf(operands, v, head, heads);
    // [query, dim] · [dim, key] -> [query, key]
    headProduct<T>(
      rows,
      dim,
      positions,
      queries,
      qRow,
      dimStep(operands, q),
      keys,
      dimStep(operands, k),
      rowStep(operands, k),
      false,
      block,
      rowBytes,
      own,
    );
    const real = rowAt<T>(bits, head / heads, positions);
    for (let r = 0; r < rows; r++) weightsRow<T>(rowAt<T>(block, r, positions), real, positions, scale);
    // [query, key] · [key, dim] -> [query, dim]
    headProduct<T>(
      rows,
      positions,
      dim,
      block,
      rowBytes,
      sizeof<T>(),
      values,
      rowStep(operands, v),
      dimStep(operands, v),
      false,
      rowAt<T>(y, head * positions + from, dim),
      dimBytes,
      own,
    );
  }
}
export function attentionF32(
  operands: usize,
  bits: usize,
  y: usize,
  weights: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: f64,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  attention<f32>(operands, bits, y, weights, heads, positions, dim, <f32>scale, scratch, scratchBytes, first, last);
}
export function attentionF64(
  operands: usize,
  bits: usize,
  y: usize,
  weights: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: f64,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  attention<f64>(operands, bits, y, weights, heads, positions, dim, scale, scratch, scratchBytes, first, last);
}

// gw = gy vᵀ (+ gweights);  ∂s = weights (gw − Σ gw weights)/√dim;  ∂q = ∂s k,  ∂k = ∂sᵀ q,  ∂v = weightsᵀ gy. Work items are heads:
// ∂k and ∂v are sums over its blocks, in their order.
function attentionGradient<T>(
  operands: usize,
  weights: usize,
  ofWeights: usize,
  ofQ: usize,
  ofK: usize,
  ofV: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: T,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  const rowBytes = <usize>positions * sizeof<T>();
  const dimBytes = <usize>dim * sizeof<T>();
  const ofScores = scratch + <usize>thread * scratchBytes; // [query of the block, key]
  const own = ofScores + <usize>min(blocks.queries, positions) * rowBytes;
  for (let head = first; head < last; head++) {
    const values = matrixOf(operands, v, head, heads);
    const keys = matrixOf(operands, k, head, heads);
    const keyGradient = rowAt<T>(ofK, head * positions, dim);
    const valueGradient = rowAt<T>(ofV, head * positions, dim);
    for (let from = 0; from < positions; from += blocks.queries) {
      const rows = min(blocks.queries, positions - from);
      const block = rowAt<T>(weights, head * positions + from, positions);
      const slopeRow = rowStep(operands, gradient);
      const slopes = matrixOf(operands, gradient, head, heads) + <usize>from * slopeRow;
      const qRow = rowStep(operands, q);
      const queries = matrixOf(operands, q, head, heads) + <usize>from * qRow;
      if (ofWeights !== 0)
        memory.copy(ofScores, rowAt<T>(ofWeights, head * positions + from, positions), <usize>rows * rowBytes);
      // [query, dim] · [dim, key] -> [query, key]
      headProduct<T>(
        rows,
        dim,
        positions,
        slopes,
        slopeRow,
        dimStep(operands, gradient),
        values,
        dimStep(operands, v),
        rowStep(operands, v),
        ofWeights !== 0,
        ofScores,
        rowBytes,
        own,
      );
      for (let r = 0; r < rows; r++) {
        const row = rowAt<T>(ofScores, r, positions);
        softmaxGradientRow<T>(rowAt<T>(block, r, positions), row, row, positions, scale);
      }
      // [query, key] · [key, dim] -> [query, dim]
      headProduct<T>(
        rows,
        positions,
        dim,
        ofScores,
        rowBytes,
        sizeof<T>(),
        keys,
        rowStep(operands, k),
        dimStep(operands, k),
        false,
        rowAt<T>(ofQ, head * positions + from, dim),
        dimBytes,
        own,
      );
      // [key, query] · [query, dim] -> [key, dim]
      headProduct<T>(
        positions,
        rows,
        dim,
        ofScores,
        sizeof<T>(),
        rowBytes,
        queries,
        qRow,
        dimStep(operands, q),
        from > 0,
        keyGradient,
        dimBytes,
        own,
      );
      // [key, query] · [query, dim] -> [key, dim]
      headProduct<T>(
        positions,
        rows,
        dim,
        block,
        sizeof<T>(),
        rowBytes,
        slopes,
        slopeRow,
        dimStep(operands, gradient),
        from > 0,
        valueGradient,
        dimBytes,
        own,
      );
    }
  }
}
export function attentionGradientF32(
  operands: usize,
  weights: usize,
  ofWeights: usize,
  ofQ: usize,
  ofK: usize,
  ofV: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: f64,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  attentionGradient<f32>(
    operands,
    weights,
    ofWeights,
    ofQ,
    ofK,
    ofV,
    heads,
    positions,
    dim,
    <f32>scale,
    scratch,
    scratchBytes,
    first,
    last,
  );
}
export function attentionGradientF64(
  operands: usize,
  weights: usize,
  ofWeights: usize,
  ofQ: usize,
  ofK: usize,
  ofV: usize,
  heads: i32,
  positions: i32,
  dim: i32,
  scale: f64,
  scratch: usize,
  scratchBytes: usize,
  first: i32,
  last: i32,
): void {
  attentionGradient<f64>(
    operands,
    weights,
    ofWeights,
    ofQ,
    ofK,
    ofV,
    heads,
    positions,
    dim,
    scale,
    scratch,
    scratchBytes,
    first,
    last,
  );
}
