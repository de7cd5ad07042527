import type { View } from '../../src/backend.ts';
import { addressFunctions, integerFunction, merged, splitAddress } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import type { GpuFunction, Parameter, Program } from './program.ts';
import { exactInteger, type Runtime } from './runtime.ts';
import { nearElements } from './texture.ts';

/**
 * The matrix product, one program for each form: Σₗ left[…, row, l] right[…, l, column], one sum a thread. Transposing is a
 * matter of strides, and so is repeating a matrix along the batch. A `base` matrix may be added, or the product taken off it.
 * The terms of one sum are at most 2²⁴.
 */

/** Element (i₀, …, row, column) of a factor lies at offset + Σ iₐ·batchₐ + row·rowStride + column·columnStride. */
export interface Factor {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly batch: readonly number[];
  readonly row: number;
  readonly column: number;
}

/** Offsets [expert + 1] on the device. */
export interface Offsets {
  readonly buffer: GpuBuffer;
  readonly offset: number;
  readonly stride: number;
  readonly experts: number;
}

export interface Product {
  readonly operation: string;
  /** Sizes of the batch axes in front. */
  readonly batch: readonly number[];
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  readonly left: Factor;
  readonly right: Factor;
  /** The result is base + product, or base − product. */
  readonly base?: Factor & { readonly sign: '+' | '-' };
  /**
   * `rows`: the batch index of `right` and `base` is the expert that owns the row, and rows of nobody give 0.
   * `inner`: there is one batch axis, of the experts, and the sum runs over the expert's own range of l.
   */
  readonly grouped?: { readonly over: 'rows' | 'inner'; readonly offsets: Offsets };
}

/** The last two axes as a matrix, those before as the batch. */
export const factorOf = (x: View<GpuBuffer>, batch: readonly number[] = x.strides.slice(0, -2)): Factor => ({
  buffer: x.buffer,
  offset: x.offset,
  batch,
  row: x.strides.at(-2)!,
  column: x.strides.at(-1)!,
});

export const transposed = (x: Factor): Factor => ({ ...x, row: x.column, column: x.row });

/** Of a contiguous result. */
export const contiguousFactor = (
  buffer: GpuBuffer,
  batch: readonly number[],
  rows: number,
  columns: number,
): Factor => {
  const strides: number[] = [];
  for (let axis = batch.length - 1, step = rows * columns; axis >= 0; step *= batch[axis--]) strides[axis] = step;
  return { buffer, offset: 0, batch: strides, row: columns, column: 1 };
};

interface Form {
  readonly batchAxes: number;
  readonly base: '+' | '-' | null;
  readonly grouped: 'rows' | 'inner' | null;
  /**
   * How long the longest buffer is. `near`: at most `nearElements`, `wide`: addresses are exact as floats, `far`: longer than
   * that, so that addresses need functions of integers.
   */
  readonly reach: 'near' | 'wide' | 'far';
  /** Matrix, row and column are the axes of the extent (program.ts), so that what belongs to the row is computed once for it. */
  readonly grid: boolean;
}

const count = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const stepsOf = (name: string, { batchAxes }: Form): string[] => [
  `${name}Offset`,
  ...count(batchAxes).map((axis) => `${name}Batch${axis}`),
  `${name}Row`,
  `${name}Column`,
];
const factorParameters = (name: string, form: Form): [string, Parameter][] => [
  [name, 'buffer'],
  ...stepsOf(name, form).map((step): [string, Parameter] => [step, form.reach === 'far' ? 'integer' : 'number']),
];
const factorArgs = ({ buffer, offset, batch, row, column }: Factor) => [buffer, offset, ...batch, row, column];

/** position(offset, i₀, s₀, …) = offset + Σ iₐ·sₐ, in integers */
function positionFunction({ batchAxes }: Form): GpuFunction {
  const axes = count(batchAxes + 2);
  const sum = axes.map((axis) => `i${axis} * s${axis}`).join(' + ');
  return integerFunction(
    'position',
    ['offset', ...axes.flatMap((axis) => [`i${axis}`, `s${axis}`])],
    `return offset + ${sum};`,
  );
}

/** Where a thread's element is, as expressions. */
interface Place {
  /** Along each batch axis. */
  readonly batch: readonly string[];
  readonly row: string;
  readonly column: string;
}

function placeOf({ batchAxes, grouped, reach, grid }: Form): Place {
  const batch = count(batchAxes).map((axis) => (grid && grouped !== 'rows' ? 'this.thread.z' : `batch${axis}`));
  if (grid) return { batch, row: 'this.thread.y', column: 'this.thread.x' };
  // Rows and columns beyond the integers of floats are never put into local variables.
  return reach === 'far'
    ? { batch, row: flatRow(batchAxes, grouped), column: flatColumn }
    : { batch, row: 'row', column: 'column' };
}
const flatRow = (batchAxes: number, grouped: Form['grouped']): string =>
  batchAxes === 0 || grouped === 'rows'
    ? 'quotient(this.thread.x, columns)'
    : 'remainder(quotient(this.thread.x, columns), rows)';
const flatColumn = 'remainder(this.thread.x, columns)';

/** The address of an element: offset + Σ iₐ·batchₐ + row·rowStride + column·columnStride. */
function addressOf(name: string, form: Form, { batch, row, column }: Place): string {
  const [offset, ...steps] = stepsOf(name, form);
  const indices = [...batch, row, column];
  return form.reach === 'far'
    ? `position(${[offset, ...indices.flatMap((index, i) => [index, steps[i]])].join(', ')})`
    : [offset, ...indices.map((index, i) => `${index} * ${steps[i]}`)].join(' + ');
}

/** Terms a round: a loop costs as much as a term. */
const round = 8;

/** Σ of left[p + l·leftColumn] · right[q + l·rightRow] from where p and q begin, added to `sum`. */
function sumText(form: Form, place: Place): string {
  const left = addressOf('left', form, { ...place, column: 'first' });
  const right = addressOf('right', form, { ...place, row: 'first' });
  const farTerm = (l: string) =>
    `sum += left[stepped(leftHigh, leftLow, ${l}, leftColumn)] * right[stepped(rightHigh, rightLow, ${l}, rightRow)];`;
  // Stepping from term to term is an addition for each factor; from the round's first term it would be a product, too.
  const nextTerm = 'sum += left[p] * right[q];\np += leftColumn;\nq += rightRow;';
  const [begin, inRound, inRest] =
    form.reach === 'far'
      ? [
          `const leftHigh = highPart(${left});
           const leftLow = lowPart(${left});
           const rightHigh = highPart(${right});
           const rightLow = lowPart(${right});`,
          (i: number) => farTerm(`${round} * block + ${i}`),
          farTerm('terms - rest + l'),
        ]
      : [`let p = ${left};\nlet q = ${right};`, () => nextTerm, nextTerm];
  return `
      const rest = terms - ${round} * Math.floor(terms / ${round});
      const blocks = (terms - rest) / ${round};
      ${begin}
      for (let block = 0; block < blocks; block++) {
        ${count(round).map(inRound).join('\n')}
      }
      for (let l = 0; l < rest; l++) {
        ${inRest}
      }`;
}

/** Statements that make the local variables of a place. */
function placeText({ batchAxes, grouped, reach, grid }: Form): string {
  const row = grid || (reach === 'far' && grouped !== 'rows') ? '' : `const row = ${flatRow(batchAxes, grouped)};`;
  const column = grid || reach === 'far' ? '' : `const column = ${flatColumn};`;
  // The batch index along each axis: row-major, the last axis before the matrices.
  const batch = count(grid ? 0 : batchAxes).map((axis) =>
    axis === 0
      ? 'const batch0 = quotient(this.thread.x, span0);'
      : `const batch${axis} = remainder(quotient(this.thread.x, span${axis}), size${axis});`,
  );
  const owner = `
      let batch0 = 0;
      for (let e = 0; e < experts; e++) {
        if (offsets[offsetsOffset + (e + 1) * offsetsStride] <= ${grid ? 'this.thread.y' : 'row'}) { batch0 += 1; }
      }
      if (batch0 >= experts) { return 0; }`;
  return [row, column, ...(grouped === 'rows' ? [owner] : batch)].join('\n');
}

/** Where the first row of this thread's expert is said, or that of the expert after it (` + 1`). */
const offsetAt = ({ grid }: Form, after: '' | ' + 1'): string =>
  grid
    ? `offsetsOffset + (this.thread.z${after}) * offsetsStride`
    : `address1(batch0${after}, offsetsStride, offsetsOffset)`;

function productProgram(form: Form): Program {
  const { batchAxes, base, grouped, reach, grid } = form;
  const place = placeOf(form);
  const range =
    grouped === 'inner'
      ? `const first = offsets[${offsetAt(form, '')}];\nconst terms = offsets[${offsetAt(form, ' + 1')}] - first;`
      : 'const first = 0;\nconst terms = inner;';
  const result = base ? `base[${addressOf('base', form, place)}] ${base} sum` : 'sum';
  const names = [
    'inner',
    ...(grid ? [] : ['rows', 'columns']),
    ...(grid || grouped === 'rows' ? [] : count(batchAxes).flatMap((axis) => [`span${axis}`, `size${axis}`])),
    ...(grouped ? ['offsetsOffset', 'offsetsStride', 'experts'] : []),
  ];
  return {
    key: `product ${JSON.stringify(form)}`,
    parameters: Object.fromEntries([
      ...factorParameters('left', form),
      ...factorParameters('right', form),
      ...(base ? factorParameters('base', form) : []),
      ...(grouped ? ([['offsets', 'buffer']] as const) : []),
      ...names.map((name): [string, Parameter] => [name, 'integer']),
    ]),
    near: reach === 'near',
    functions: [...addressFunctions(1), ...splitAddress, positionFunction(form)],
    body: `
      ${placeText(form)}
      ${range}
      let sum = 0;
      ${sumText(form, place)}
      return ${result};`,
  };
}

const programs = new Map<string, Program>();
function programOf(form: Form): Program {
  const key = JSON.stringify(form);
  const program = programs.get(key) ?? productProgram(form);
  programs.set(key, program);
  return program;
}

/** A fresh contiguous buffer [batch…, row, column]. */
export function multiply(runtime: Runtime, product: Product): GpuBuffer {
  const { operation, rows, inner, columns, grouped } = product;
  const factors = [product.left, product.right, ...(product.base ? [product.base] : [])];
  const length = product.batch.reduce((size, axis) => size * axis, rows * columns);
  // Batch axes that all factors step through evenly are one.
  const { sizes, strides } =
    grouped?.over === 'rows'
      ? { sizes: [1], strides: factors.map(({ batch }) => batch) }
      : grouped
        ? { sizes: product.batch, strides: factors.map(({ batch }) => batch) }
        : merged(
            product.batch,
            factors.map(({ batch }) => batch),
          );
  const spans = sizes.map((_, axis) => sizes.slice(axis + 1).reduce((size, next) => size * next, rows * columns));
  const offsets = grouped?.offsets;
  const longest = Math.max(...[...factors, ...(offsets ? [offsets] : [])].map(({ buffer }) => buffer.length));
  const reach = longest <= nearElements ? 'near' : longest <= exactInteger ? 'wide' : 'far';
  const grid = runtime.mode === 'webasm' && reach !== 'far' && sizes.length <= 1 && columns >= 4;
  const program = programOf({
    ...{ batchAxes: sizes.length, base: product.base?.sign ?? null, grouped: grouped?.over ?? null, reach, grid },
  });
  const args = [
    ...factors.flatMap((factor, i) => factorArgs({ ...factor, batch: strides[i] })),
    ...(offsets ? [offsets.buffer] : []),
    ...(grid ? [inner] : [inner, rows, columns]),
    ...(grid || grouped?.over === 'rows' ? [] : sizes.flatMap((size, axis) => [spans[axis], size])),
    ...(offsets ? [offsets.offset, offsets.stride, offsets.experts] : []),
  ];
  const extent = !grid ? length : sizes.length === 0 ? [columns, rows] : [columns, rows, sizes[0]];
  return runtime.run(operation, program, args, extent, 'float32');
}
