import type { DType, Spec } from '../../src/backend.ts';
import { broadcastStrides, sizeOf } from '../../src/shape.ts';
import * as sheet from './kernels/sheet.ts';
import type { Runtime, WasmView } from './runtime.ts';
import { bytesOf } from './storage.ts';

/**
 * Lists of matrix products, and how they are cut for caches and threads. The compiled side is kernels/product.ts.
 */

/** C = start + A·B, all addresses in bytes.  [rows, inner] · [inner, cols] -> [rows, cols] */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  /** What the sums begin with; 0: zeros. */
  readonly start: number;
}

/** What the products have in common: steps in elements, between rows and between columns. C is row-major, `cols` wide. */
export interface Products {
  readonly dtype: DType;
  readonly cols: number;
  readonly a: readonly [row: number, inner: number];
  readonly b: readonly [inner: number, col: number];
  /** Between the rows of `start`, whose columns lie in one piece; 0 for a bias. */
  readonly startRow?: number;
  /** What follows on the sums: C = −C, or another array of an activation's values, so many bytes behind C. */
  readonly finish?: 'negative' | { readonly activation: number; readonly toActivated: number };
  readonly list: readonly Product[];
}

/**
 * B is read where it lies when at most so many rows pass it, and few even from memory far away, whose lines a panel uses by
 * halves: copying would cost more than it saves.
 */
const someInPlace = 48;
const fewInPlace = 8;
const nearBytes = 2 ** 20;
/** Up to so many rows, each block of C packs its part of B itself, while it is in cache: two such blocks of rows at most. */
const someRows = 480;
const mostRows = 240; // of a block; a multiple of what evenBlock in kernels/product.ts rounds to, like all sizes of a block
const fewCols = 128; // of a block
/** Of B in all; up to here it stays in the second cache, whatever the order of the work. */
const cachedBytes = 2 ** 19;
/** Blocks of C for each thread, so that none waits long for the last one. */
const blocksPerThread = 8;
/** A chunk of work that is worth waking a thread for, some tens of microseconds: multiplications, and elements packed. */
const chunkProducts = 2 ** 19;
const chunkPacked = 2 ** 16;

const roundUp = (size: number, step: number): number => Math.ceil(size / step) * step;

export function multiply(runtime: Runtime, products: Products): void {
  const { dtype, cols } = products;
  const list = products.list.filter(({ rows }) => rows > 0);
  if (cols === 0 || list.length === 0) return;
  const bytes = bytesOf[dtype];

  // Every distinct B, with its inner size: a matrix that is repeated along a batch is packed once.
  const matrices = new Map<number, number>();
  for (const { b, inner } of list) matrices.set(b, inner);
  const rows = list.reduce((sum, product) => sum + product.rows, 0);
  const form = formOfB(products, matrices, rows / matrices.size);
  const { rowBlock, colBlock } =
    form === sheet.inPanels ? highBlocks(runtime, products) : wideBlocks(runtime, products);

  const ownPanels = form === sheet.inPlace ? sheet.tileBytes : colBlock * bytes;
  const scratchBytes = sheet.tall * (sheet.mostInner * bytes + sheet.tileBytes) + sheet.mostInner * ownPanels;
  const head = new Array<number>(sheet.headBytes / 4).fill(0);
  const write = (place: number, value: number): void => {
    head[place / 4] = value;
  };
  write(sheet.cols, cols);
  write(sheet.aRow, products.a[0] * bytes);
  write(sheet.aInner, products.a[1] * bytes);
  write(sheet.bInner, products.b[0] * bytes);
  write(sheet.bCol, products.b[1] * bytes);
  write(sheet.cRow, cols * bytes);
  write(sheet.startRow, (products.startRow ?? 0) * bytes);
  write(sheet.form, form);
  write(sheet.rowBlock, rowBlock);
  write(sheet.colBlock, colBlock);
  write(sheet.scratch, runtime.scratch(scratchBytes * runtime.threads));
  write(sheet.scratchBytes, scratchBytes);
  if (products.finish === 'negative') write(sheet.negative, 1);
  else if (products.finish) {
    write(sheet.activation, 1 + products.finish.activation);
    write(sheet.toActivated, products.finish.toActivated);
  }

  const panels = form === sheet.inPanels ? packAll(runtime, products, matrices, head) : null;
  const words = [...head];
  let items = 0;
  let multiplications = 0;
  for (const { rows, inner, a, b, c, start } of list) {
    words.push(items, rows, inner, a, panels?.get(b) ?? b, c, start, 0);
    items += Math.ceil(rows / rowBlock) * Math.ceil(cols / colBlock);
    multiplications += rows * inner * cols;
  }
  words.push(items);
  const grain = Math.max(1, Math.floor((chunkProducts * items) / Math.max(1, multiplications)));
  runtime.run(dtype === 'float64' ? 'multiplyF64' : 'multiplyF32', items, grain, runtime.table(words));
}

function formOfB({ dtype, cols, b }: Products, matrices: ReadonlyMap<number, number>, rowsOfEach: number): number {
  // In place the tiles end where the last row of B ends, which a repeated row has already reached at the start.
  if (b[1] === 1 && b[0] !== 0 && rowsOfEach <= someInPlace) {
    const elements = [...matrices.values()].reduce((sum, inner) => sum + inner * cols, 0);
    if (rowsOfEach <= fewInPlace || elements * bytesOf[dtype] <= nearBytes) return sheet.inPlace;
  }
  return rowsOfEach <= someRows ? sheet.inOwnPanels : sheet.inPanels;
}

interface Blocks {
  readonly rowBlock: number;
  readonly colBlock: number;
}

const widthOf = (dtype: DType): number => sheet.tileBytes / bytesOf[dtype];
const columnsCut = (cols: number, blocks: number, dtype: DType): number =>
  roundUp(Math.ceil(cols / blocks), widthOf(dtype));

/** Where B is packed for all, blocks of C are cut along its rows; a B beyond the second cache is fetched anew for each. */
function highBlocks({ threads }: Runtime, { dtype, cols, list }: Products): Blocks {
  const columnBlocks = Math.ceil(cols / sheet.mostCols);
  const colBlock = columnsCut(cols, columnBlocks, dtype);
  if (threads === 1) return { rowBlock: mostRows, colBlock };
  const bytesOfB = Math.max(...list.map(({ inner }) => inner)) * cols * bytesOf[dtype];
  const rows = list.reduce((sum, product) => sum + product.rows, 0);
  const share = roundUp((rows * columnBlocks) / (blocksPerThread * threads), 12);
  return { rowBlock: Math.min(Math.max(share, bytesOfB <= cachedBytes ? 12 : 96), mostRows), colBlock };
}

/** Where a block packs its part of B itself, or reads it in place, it takes all rows, and C is cut along its columns. */
function wideBlocks({ threads }: Runtime, { dtype, cols, list }: Products): Blocks {
  const rowBlocks = list.reduce((sum, { rows }) => sum + Math.ceil(rows / mostRows), 0);
  const wanted = threads === 1 ? 1 : Math.min(Math.ceil((blocksPerThread * threads) / rowBlocks), cols / fewCols);
  return { rowBlock: mostRows, colBlock: columnsCut(cols, Math.max(wanted, Math.ceil(cols / sheet.mostCols)), dtype) };
}

/** Packs the matrices B; for the address of each, that of its panels. */
function packAll(
  runtime: Runtime,
  { dtype, cols }: Products,
  matrices: ReadonlyMap<number, number>,
  head: readonly number[],
): Map<number, number> {
  const width = widthOf(dtype);
  const across = Math.ceil(cols / (sheet.packedTogether * width));
  const rowBytes = Math.ceil(cols / width) * sheet.tileBytes;
  const bytes = [...matrices.values()].reduce((sum, inner) => sum + inner * rowBytes, 0);
  const panels = new Map<number, number>();
  const words = [...head];
  let to = runtime.scratch(bytes);
  let items = 0;
  for (const [b, inner] of matrices) {
    panels.set(b, to);
    words.push(items, 0, inner, 0, b, to, 0, 0);
    items += Math.ceil(inner / sheet.mostInner) * across;
    to += inner * rowBytes;
  }
  if (items === 0) return panels;
  words.push(items);
  const grain = Math.max(1, Math.floor((chunkPacked * items * bytesOf[dtype]) / bytes));
  runtime.run(dtype === 'float64' ? 'packF64' : 'packF32', items, grain, runtime.table(words));
  return panels;
}

/** For every matrix of a batch, the last two axes left out: how far from the view's first element it begins, in bytes. */
export function batchOffsets(view: WasmView, { shape }: Spec): number[] {
  const batch = shape.slice(0, -2);
  const strides = broadcastStrides({ shape: view.shape.slice(0, -2), strides: view.strides.slice(0, -2) }, batch);
  let offsets = [0];
  batch.forEach((size, axis) => {
    const step = strides[axis] * bytesOf[view.dtype];
    offsets = offsets.flatMap((offset) => Array.from({ length: size }, (_, i) => offset + i * step));
  });
  return offsets;
}

/** The bytes of one matrix of the last two axes, where they lie in one piece. */
export const matrixBytes = ({ shape, dtype }: Spec): number => sizeOf(shape.slice(-2)) * bytesOf[dtype];
