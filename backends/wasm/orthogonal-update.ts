import { copyInto, moveGrain } from './copy.ts';
import type { CompositeAttrs } from './kernel.ts';
import { normStretch, updateCols, updateDepth, updateRows, updateStretch } from './kernels/blocks.ts';
import { tall, tileBytes } from './kernels/sheet.ts';
import * as sheet from './kernels/update-sheet.ts';
import { multiply } from './product.ts';
import type { Runtime, WasmKernel, WasmView } from './runtime.ts';
import { bytesOf, type WasmBuffer } from './storage.ts';

/**
 * The updates of all experts off their spans, at their old lengths. Float32, which is what training does by default, has
 * kernels of its own: kernels/orthogonal-update.ts. Float64, and experts these report as missed, go the plain way: two products,
 * two readings for the lengths, and a pass that scales.
 */

type Attrs = CompositeAttrs['orthogonalUpdate'];

interface Update {
  readonly attrs: Attrs;
  /** Whether the bias takes part. */
  readonly whole: boolean;
  readonly experts: number;
  readonly rows: number;
  readonly cols: number;
  /** Row-major. */
  readonly weight: WasmView;
  readonly bias: WasmView;
  readonly v: WasmView;
  /** ΔW′, Δb′, normKept, factor, vanished. */
  readonly results: readonly WasmBuffer[];
}

export const orthogonalUpdate: WasmKernel<Attrs> = (runtime, [weight, bias, v], attrs, outputs) => {
  const results = outputs.map(runtime.output);
  const [experts, rows, cols] = weight.shape;
  const whole = attrs.side === 'output' || attrs.bias === 'augment';
  const [matrix, row] = [runtime.contiguous(weight), runtime.contiguous(bias)];
  const update = { attrs, whole, experts, rows, cols, weight: matrix, bias: row, v, results };
  const newBias = results[1].address;
  if (!whole && attrs.bias === 'free') copyInto(runtime, row, newBias);
  else if (!whole) runtime.run('fill32', (experts * cols * bytesOf[weight.dtype]) / 4, moveGrain, newBias, 0);
  if (weight.dtype === 'float64') plain(runtime, update, 0, experts);
  else for (const expert of foreseen(runtime, update)) plain(runtime, update, expert, 1);
  return results;
};

/** @returns the experts whose length was foreseen wrongly */
function foreseen(runtime: Runtime, update: Update): number[] {
  const { attrs, whole, experts, rows, cols, weight, bias, v, results } = update;
  const input = attrs.side === 'input';
  const [, size, rank] = v.shape;
  const [vExpert, vRow, vCol] = v.strides.map((stride) => 4 * stride);
  const rankStep = Math.ceil(rank / 8) * 8;
  const blocks = Math.ceil(rows / updateRows) + Number(whole);
  const ontoBlocks = input ? Math.ceil(cols / updateCols) : blocks;
  const missed = runtime.temporary({ dtype: 'int32', shape: [experts] });
  const rightBytes = Math.ceil(cols / 8) * rank * tileBytes;
  const scratchBytes = tall * tileBytes + (input ? 4 * updateDepth * updateCols : 0);
  const words = new Int32Array(sheet.bytes / 4);
  const write = (place: number, value: number): void => {
    words[place / 4] = value;
  };
  write(sheet.rows, rows);
  write(sheet.cols, cols);
  write(sheet.size, size);
  write(sheet.rank, rank);
  write(sheet.rankStep, rankStep);
  write(sheet.input, Number(input));
  write(sheet.whole, Number(whole));
  write(sheet.weight, runtime.address(weight));
  write(sheet.bias, runtime.address(bias));
  write(sheet.v, runtime.address(v));
  write(sheet.vRow, vRow);
  write(sheet.vCol, vCol);
  write(sheet.vExpert, vExpert);
  [sheet.newWeight, sheet.newBias, sheet.kept, sheet.factor, sheet.vanished].forEach((place, i) => {
    write(place, results[i].address);
  });
  write(sheet.missed, runtime.address(missed));
  if (input) {
    write(sheet.left, runtime.address(v));
    write(sheet.leftExpert, vExpert);
    write(sheet.leftRow, vRow);
    write(sheet.leftInner, vCol);
  } else {
    const panelBytes = 4 * cols * rankStep;
    // A repeated row would end a tile before it has begun.
    const inPlace = vCol === 4 && vRow !== 0 && rank === rankStep;
    write(sheet.left, runtime.scratch(4 * experts * (rows + 1) * rankStep));
    write(sheet.leftExpert, 4 * (rows + 1) * rankStep);
    write(sheet.leftRow, 4 * rankStep);
    write(sheet.leftInner, 4);
    write(sheet.panels, inPlace ? 0 : runtime.scratch(experts * panelBytes));
    write(sheet.panelBytes, panelBytes);
  }
  write(sheet.right, runtime.scratch(experts * rightBytes));
  write(sheet.rightBytes, rightBytes);
  write(sheet.ontoBlocks, ontoBlocks);
  write(sheet.before, runtime.scratch(16 * experts * ontoBlocks));
  write(sheet.blocks, blocks);
  write(sheet.after, runtime.scratch(8 * experts * blocks));
  write(sheet.scratch, runtime.scratch(scratchBytes * runtime.threads));
  write(sheet.scratchBytes, scratchBytes);
  write(sheet.shares, runtime.scratch(8 * experts * rankStep));
  write(sheet.renorm, Number(attrs.renorm));
  words.set(new Int32Array(Float64Array.of(attrs.limit).buffer), sheet.limit / 4);
  const job = runtime.table([...words]);
  // One thread finds an expert's Δ in its cache again; with more, whole experts would leave some waiting at the end.
  if (runtime.threads === 1) runtime.run('updateExperts', experts, 1, job);
  else {
    runtime.run('updatePack', experts, 1, job);
    runtime.run('updateOnto', experts * ontoBlocks, 1, job);
    runtime.run('updateLeave', experts * blocks, 1, job);
    runtime.run('updateJudge', experts, experts, job);
  }
  return [...runtime.integers(missed)].flatMap((miss, expert) => (miss ? [expert] : []));
}

/** Experts `first` … `first + count − 1`. */
function plain(runtime: Runtime, update: Update, first: number, count: number): void {
  const { attrs, whole, rows, cols, weight, bias, results } = update;
  const { dtype } = weight;
  const bytes = bytesOf[dtype];
  const type = dtype === 'float64' ? 'F64' : 'F32';
  const [w, b] = [runtime.address(weight), runtime.address(bias)];
  const [newW, newB, kept, factor] = results.map(({ address }) => address);
  const [matrix, line] = [rows * cols, cols].map((size) => ({ size, from: first * size * bytes }));

  if (attrs.side === 'output') projectRows(runtime, update, first, count);
  else projectColumns(runtime, update, first, count);

  const norms = runtime.scratch(4 * count * bytes);
  const measure = (x: number, length: number, to: number): void => {
    const stretches = Math.max(1, Math.ceil(length / normStretch));
    const parts = runtime.scratch(16 * count * stretches);
    const grain = Math.ceil(moveGrain / Math.max(1, Math.min(length, normStretch)));
    runtime.run(`normStretches${type}`, count * stretches, grain, x, parts, length, stretches);
    runtime.run(`normJoin${type}`, count, moveGrain, parts, norms + to * count * bytes, stretches);
  };
  measure(w + matrix.from, matrix.size, 0);
  measure(newW + matrix.from, matrix.size, 2);
  if (whole) {
    measure(b + line.from, line.size, 1);
    measure(newB + line.from, line.size, 3);
  }
  const factors = factor + first * bytes;
  const found = [kept + first * bytes, factors, results[4].address + first] as const;
  const how = [Number(whole), Number(attrs.renorm), attrs.limit] as const;
  runtime.run(`updateFactors${type}`, count, moveGrain, norms, count, ...found, ...how);
  if (!attrs.renorm) return;
  const scale = (x: number, length: number): void => {
    const stretches = Math.max(1, Math.ceil(length / updateStretch));
    const grain = Math.ceil(moveGrain / Math.max(1, Math.min(length, updateStretch)));
    runtime.run(`updateScale${type}`, count * stretches, grain, x, factors, length, stretches);
  };
  scale(newW + matrix.from, matrix.size);
  if (whole) scale(newB + line.from, line.size);
}

/** Where the matrices of each expert begin. */
function placesOf({ rows, cols, weight, bias, v, results }: Update, runtime: Runtime, first: number, count: number) {
  const bytes = bytesOf[weight.dtype];
  const [w, b, span] = [weight, bias, v].map(runtime.address);
  return Array.from({ length: count }, (_, i) => {
    const [matrix, line] = [(first + i) * rows * cols * bytes, (first + i) * cols * bytes];
    return {
      weight: w + matrix,
      bias: b + line,
      v: span + (first + i) * v.strides[0] * bytes,
      newWeight: results[0].address + matrix,
      newBias: results[1].address + line,
    };
  });
}

/** Δ + (−ΔV)Vᵀ, the bias as one more row. */
function projectRows(runtime: Runtime, update: Update, first: number, count: number): void {
  const { rows, cols, weight, v } = update;
  const { dtype } = weight;
  const rank = v.shape[2];
  const [, vRow, vCol] = v.strides;
  const step = rank * bytesOf[dtype];
  const along = runtime.scratch(count * (rows + 1) * step);
  const places = placesOf(update, runtime, first, count).map((at, i) => {
    const own = along + i * (rows + 1) * step;
    return { ...at, along: own, alongBias: own + rows * step };
  });
  // −ΔV:  [row, out] · [out, rank] -> [row, rank]
  const onto = places.flatMap((at) => [
    { rows, inner: cols, a: at.weight, b: at.v, c: at.along, start: 0 },
    { rows: 1, inner: cols, a: at.bias, b: at.v, c: at.alongBias, start: 0 },
  ]);
  multiply(runtime, { dtype, cols: rank, a: [cols, 1], b: [vRow, vCol], finish: 'negative', list: onto });
  // Δ + (−ΔV)Vᵀ:  [row, rank] · [rank, out] -> [row, out]
  const off = places.flatMap((at) => [
    { rows, inner: rank, a: at.along, b: at.v, c: at.newWeight, start: at.weight },
    { rows: 1, inner: rank, a: at.alongBias, b: at.v, c: at.newBias, start: at.bias },
  ]);
  multiply(runtime, { dtype, cols, a: [rank, 1], b: [vCol, vRow], startRow: cols, list: off });
}

/** Δ + V(−VᵀΔ); with `augment` the bias is the last row of Δ, and that of V is its own. */
function projectColumns(runtime: Runtime, update: Update, first: number, count: number): void {
  const { attrs, rows, cols, weight, v } = update;
  const { dtype } = weight;
  const bytes = bytesOf[dtype];
  const augment = attrs.bias === 'augment';
  const rank = v.shape[2];
  const [, vRow, vCol] = v.strides;
  const along = runtime.scratch(count * rank * cols * bytes);
  const places = placesOf(update, runtime, first, count).map((at, i) => ({
    ...at,
    along: along + i * rank * cols * bytes,
    vOfBias: at.v + rows * vRow * bytes,
  }));
  const common = { dtype, cols, b: [cols, 1] as const };
  // v_b Δb, the bias's share of VᵀΔ:  [rank, 1] · [1, out] -> [rank, out]
  if (augment) {
    const share = places.map((at) => ({ rows: rank, inner: 1, a: at.vOfBias, b: at.bias, c: at.along, start: 0 }));
    multiply(runtime, { ...common, a: [vCol, vRow], list: share });
  }
  // −(v_b Δb + VᵀΔW):  [rank, in] · [in, out] -> [rank, out]
  const onto = places.map((at) => ({
    ...{ rows: rank, inner: rows, a: at.v, b: at.weight, c: at.along },
    start: augment ? at.along : 0,
  }));
  multiply(runtime, { ...common, a: [vCol, vRow], startRow: cols, finish: 'negative', list: onto });
  // Δ + V(−VᵀΔ):  [row, rank] · [rank, out] -> [row, out]
  const off = places.flatMap((at) => [
    { rows, inner: rank, a: at.v, b: at.along, c: at.newWeight, start: at.weight },
    ...(augment ? [{ rows: 1, inner: rank, a: at.vOfBias, b: at.along, c: at.newBias, start: at.bias }] : []),
  ]);
  multiply(runtime, { ...common, a: [vRow, vCol], startRow: cols, list: off });
}
