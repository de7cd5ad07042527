import type { View } from '../../src/backend.ts';
import { addressFunctions, integerFunction, merged, splitAddress } from './addressing.ts';
import type { GpuBuffer } from './buffer.ts';
import type { GpuFunction, Parameter, Program } from './program.ts';
import { exactInteger, type Runtime } from './runtime.ts';

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
  /** A factor is longer than the integers that floats hold exactly: addresses need functions of integers. */
  readonly far: boolean;
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
  ...stepsOf(name, form).map((step): [string, Parameter] => [step, form.far ? 'integer' : 'number']),
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

/** The address of an element: offset + Σ iₐ·batchₐ + row·rowStride + column·columnStride. */
function addressOf(name: string, form: Form, row: string, column: string): string {
  const [offset, ...steps] = stepsOf(name, form);
  const indices = [...count(form.batchAxes).map((axis) => `batch${axis}`), row, column];
  return form.far
    ? `position(${[offset, ...indices.flatMap((index, i) => [index, steps[i]])].join(', ')})`
    : [offset, ...indices.map((index, i) => `${index} * ${steps[i]}`)].join(' + ');
}

/** Terms a round: a loop costs as much as a term. */
const round = 8;

/** Row and column of a thread's element, as expressions. */
interface Place {
  readonly row: string;
  readonly column: string;
}

/** Σ of left[p + l·leftColumn] · right[q + l·rightRow] from where p and q begin, added to `sum`. */
function sumText(form: Form, place: Place): string {
  const [left, right] = [addressOf('left', form, place.row, 'first'), addressOf('right', form, 'first', place.column)];
  const begin = form.far
    ? `const leftHigh = highPart(${left});
      const leftLow = lowPart(${left});
      const rightHigh = highPart(${right});
      const rightLow = lowPart(${right});`
    : `let p = ${left};
      let q = ${right};`;
  const term = (l: string) =>
    form.far
      ? `sum += left[stepped(leftHigh, leftLow, ${l}, leftColumn)] * right[stepped(rightHigh, rightLow, ${l}, rightRow)];`
      : `sum += left[p + ${l} * leftColumn] * right[q + ${l} * rightRow];`;
  const step = (terms: number) => (form.far ? '' : `p += ${terms} * leftColumn;\nq += ${terms} * rightRow;`);
  const inRound = (i: number) => term(form.far ? `${round} * block + ${i}` : `${i}`);
  return `
      const rest = terms - ${round} * Math.floor(terms / ${round});
      const blocks = (terms - rest) / ${round};
      ${begin}
      for (let block = 0; block < blocks; block++) {
        ${count(round).map(inRound).join('\n')}
        ${step(round)}
      }
      for (let l = 0; l < rest; l++) {
        ${term(form.far ? 'terms - rest + l' : '0')}
        ${step(1)}
      }`;
}

function productProgram(form: Form): Program {
  const { batchAxes, base, grouped } = form;
  // The batch index along each axis: row-major, the last axis before the matrices.
  const batchIndices =
    grouped === 'rows'
      ? `let batch0 = 0;
         for (let e = 0; e < experts; e++) {
           if (offsets[offsetsOffset + (e + 1) * offsetsStride] <= row) { batch0 += 1; }
         }`
      : count(batchAxes)
          .map((axis) =>
            axis === 0
              ? 'const batch0 = quotient(this.thread.x, span0);'
              : `const batch${axis} = remainder(quotient(this.thread.x, span${axis}), size${axis});`,
          )
          .join('\n');
  const row =
    batchAxes === 0 || grouped === 'rows'
      ? 'quotient(this.thread.x, columns)'
      : 'remainder(quotient(this.thread.x, columns), rows)';
  // Rows and columns beyond the integers of floats are never put into local variables.
  const place: Place = form.far
    ? { row, column: 'remainder(this.thread.x, columns)' }
    : { row: 'row', column: 'column' };
  const range =
    grouped === 'inner'
      ? `const first = offsets[address1(batch0, offsetsStride, offsetsOffset)];
         const terms = offsets[address1(batch0, offsetsStride, offsetsOffset + offsetsStride)] - first;`
      : 'const first = 0;\nconst terms = inner;';
  const result = base ? `base[${addressOf('base', form, place.row, place.column)}] ${base} sum` : 'sum';
  const names = [
    ...['rows', 'inner', 'columns'],
    ...(grouped === 'rows' ? [] : count(batchAxes).flatMap((axis) => [`span${axis}`, `size${axis}`])),
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
    functions: [...addressFunctions(1), ...splitAddress, positionFunction(form)],
    body: `
      ${form.far && grouped !== 'rows' ? '' : `const row = ${row};`}
      ${form.far ? '' : 'const column = remainder(this.thread.x, columns);'}
      ${batchIndices}
      ${grouped === 'rows' ? 'if (batch0 >= experts) { return 0; }' : ''}
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
  const program = programOf({
    batchAxes: sizes.length,
    base: product.base?.sign ?? null,
    grouped: grouped?.over ?? null,
    far: factors.some(({ buffer }) => buffer.length > exactInteger),
  });
  const offsets = grouped?.offsets;
  const args = [
    ...factors.flatMap((factor, i) => factorArgs({ ...factor, batch: strides[i] })),
    ...(offsets ? [offsets.buffer] : []),
    ...[rows, inner, columns],
    ...(grouped?.over === 'rows' ? [] : sizes.flatMap((size, axis) => [spans[axis], size])),
    ...(offsets ? [offsets.offset, offsets.stride, offsets.experts] : []),
  ];
  return runtime.run(operation, program, args, length, 'float32');
}
