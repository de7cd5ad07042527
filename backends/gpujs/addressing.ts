import type { View } from '../../src/backend.ts';
import { isContiguous } from '../../src/shape.ts';
import type { GpuBuffer } from './buffer.ts';
import type { GpuFunction, Parameter } from './program.ts';

/**
 * Where an element lies. Shapes, strides and offsets are arguments, so that one compiled kernel serves all sizes; what is
 * compiled is only the rank, and of ranks only even ones. All of this is integer arithmetic, exact up to 2³¹, in functions
 * of integer parameters (program.ts).
 */

const integers = (...names: readonly string[]): GpuFunction['parameters'] =>
  Object.fromEntries(names.map((name) => [name, 'integer' as const]));

export const integerFunction = (name: string, parameters: readonly string[], body: string): GpuFunction => ({
  name,
  parameters: integers(...parameters),
  returns: 'integer',
  body,
});

/**
 * ⌊a/b⌋ for 0 ≤ a < 2³¹ and b ≥ 1. The quotient of floats may be off by a/b · 2⁻²² or so. A second division of what is left
 * brings that to at most 1, and the remainder, which is exact, tells the rest.
 */
const division: readonly GpuFunction[] = [
  integerFunction('quotientNearly', ['a', 'b'], 'return Math.floor(a / b);'),
  integerFunction('quotientRefined', ['a', 'b', 'q'], 'return q + quotientNearly(a - q * b, b);'),
  integerFunction(
    'quotientSettled',
    ['a', 'b', 'q'],
    'if (a - q * b < 0) { return q - 1; }\nif (a - q * b >= b) { return q + 1; }\nreturn q;',
  ),
  integerFunction('quotient', ['a', 'b'], 'return quotientSettled(a, b, quotientRefined(a, b, quotientNearly(a, b)));'),
  integerFunction('remainder', ['a', 'b'], 'return a - quotient(a, b) * b;'),
];

const numbered = (name: string, from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${name}${from + i}`);

/**
 * offset + Σ iₐ·sₐ of the element at place i in row-major order, i = (…(i₀·d₁ + i₁)·d₂ + …): the last axis is split off, the
 * rest is the same with one axis less.
 */
const addressOfRank = (rank: number): GpuFunction => {
  const parameters = ['i', ...numbered('d', 1, rank), ...numbered('s', 0, rank), 'offset'];
  const [d, s] = [`d${rank - 1}`, `s${rank - 1}`];
  const rest = [...numbered('d', 1, rank - 1), ...numbered('s', 0, rank - 1)].join(', ');
  const body =
    rank === 1
      ? 'return offset + i * s0;'
      : `return address${rank - 1}(quotient(i, ${d}), ${rest}, offset + remainder(i, ${d}) * ${s});`;
  return integerFunction(`address${rank}`, parameters, body);
};

/** `address1` … `address<rank>`, `quotient` and `remainder`. */
export const addressFunctions = (rank: number): GpuFunction[] => [
  ...division,
  ...Array.from({ length: rank }, (_, i) => addressOfRank(i + 1)),
];

/**
 * An address kept in two local variables, which are floats: `const high = highPart(p); const low = lowPart(p)`, and then
 * `x[stepped(high, low, j, stride)]` is x[p + j·stride], exactly.
 */
export const splitAddress: readonly GpuFunction[] = [
  integerFunction('highPart', ['p'], 'return Math.floor(p / 4096);'),
  integerFunction('lowPart', ['p'], 'return p - highPart(p) * 4096;'),
  integerFunction('stepped', ['high', 'low', 'j', 'stride'], 'return high * 4096 + low + j * stride;'),
];

export interface Layout {
  readonly sizes: readonly number[];
  readonly strides: readonly (readonly number[])[];
}

/** The same elements in the same order on fewer axes: axes of size 1 go, and neighbours that are contiguous in all views merge. */
export function merged(shape: readonly number[], strides: readonly (readonly number[])[]): Layout {
  const sizes: number[] = [];
  const result: number[][] = strides.map(() => []);
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const last = sizes.length - 1;
    if (last >= 0 && strides.every((of, v) => result[v][last] === of[axis] * size)) {
      sizes[last] *= size;
      strides.forEach((of, v) => {
        result[v][last] = of[axis];
      });
    } else {
      sizes.push(size);
      strides.forEach((of, v) => {
        result[v].push(of[axis]);
      });
    }
  });
  return { sizes, strides: result };
}

/** The layout on `rank` axes, with axes of size 1 put in front. */
export const padded = ({ sizes, strides }: Layout, rank: number): Layout => {
  const lead = Array.from({ length: rank - sizes.length }, () => 0);
  return { sizes: [...lead.map(() => 1), ...sizes], strides: strides.map((of) => [...lead, ...of]) };
};

/** The smallest even rank of at least 2 that holds the layout. */
export const rankClass = ({ sizes }: Layout): number => Math.max(2, 2 * Math.ceil(sizes.length / 2));

/**
 * How an elementwise kernel meets an operand: as a number, as the elements one after the other from an offset, or by an
 * address of rank 2. Operands of higher rank are copied first.
 */
export type Access = 'constant' | 'flat' | 'strided';

export function accessOf(view: View<GpuBuffer>): Access {
  if (view.buffer.constant !== null) return 'constant';
  return isContiguous(view) ? 'flat' : 'strided';
}

/** Parameters, reading expression and arguments of an operand called `name` (x, y, …) at `this.thread.x`. */
export interface Operand {
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly element: string;
  readonly args: readonly (GpuBuffer | number)[];
}

export function operand(name: string, view: View<GpuBuffer>, access: Access, layout: Layout, at: number): Operand {
  if (access === 'constant') return { parameters: { [name]: 'number' }, element: name, args: [view.buffer.constant!] };
  const offset = `${name}Offset`;
  if (access === 'flat')
    return {
      parameters: { [name]: 'buffer', [offset]: 'integer' },
      element: `${name}[${offset} + this.thread.x]`,
      args: [view.buffer, view.offset],
    };
  const [s0, s1, d1] = [`${name}Stride0`, `${name}Stride1`, `${name}Size1`];
  return {
    parameters: { [name]: 'buffer', [offset]: 'integer', [d1]: 'integer', [s0]: 'integer', [s1]: 'integer' },
    element: `${name}[address2(this.thread.x, ${d1}, ${s0}, ${s1}, ${offset})]`,
    args: [view.buffer, view.offset, layout.sizes[1], ...layout.strides[at]],
  };
}
