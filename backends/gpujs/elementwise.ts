import type { BinaryKind, DType, Spec, UnaryKind, View } from '../../src/backend.ts';
import { sizeOf } from '../../src/shape.ts';
import { accessOf, addressFunctions, merged, type Operand, operand, padded } from './addressing.ts';
import type { GpuBuffer, Interval } from './buffer.ts';
import { intervalOfBinary, intervalOfUnary, union } from './interval.ts';
import type { GpuPrimitive } from './kernel.ts';
import { copied } from './move.ts';
import type { GpuFunction, Program } from './program.ts';
import type { Runtime } from './runtime.ts';
import { erf, exponential, hyperbolicTangent, logarithm, power } from './scalar.ts';

/** Elementwise kernels: one program for each function and each way its operands are stored. */

export interface Elementwise {
  /** Part of the key; equal names have equal statements. */
  readonly name: string;
  /** Statements in x, y, z, the elements of the operands; `return` gives the result. */
  readonly body: string;
  readonly functions?: readonly GpuFunction[];
}

const letters = ['x', 'y', 'z', 'u', 'v', 'w'] as const;

/** result[i] = f(x[i], y[i], …); the views have the shape of the output. */
export function elementwise(
  runtime: Runtime,
  operation: string,
  { name, body, functions = [] }: Elementwise,
  views: readonly View<GpuBuffer>[],
  { shape, dtype }: Spec,
): GpuBuffer {
  const length = sizeOf(shape);
  if (length === 0) return runtime.constant(operation, 0, 0, dtype);
  const strided = views.filter((view) => accessOf(view) === 'strided');
  const layout = merged(
    shape,
    strided.map((view) => view.strides),
  );
  if (layout.sizes.length > 2) {
    const flat = views.map((view) => (accessOf(view) === 'strided' ? copied(runtime, operation, view) : view));
    const result = elementwise(runtime, operation, { name, body, functions }, flat, { shape, dtype });
    flat.forEach((view, i) => {
      if (view !== views[i]) runtime.free(view.buffer);
    });
    return result;
  }
  const layout2 = padded(layout, 2);
  const accesses = views.map(accessOf);
  const operands = views.map(
    (view, i): Operand => operand(`${letters[i]}s`, view, accesses[i], layout2, strided.indexOf(view)),
  );
  const program: Program = {
    key: `${name} ${accesses.join(' ')}`,
    parameters: Object.assign({}, ...operands.map(({ parameters }) => parameters)),
    functions: [...(strided.length > 0 ? addressFunctions(2) : []), ...functions],
    body: [...operands.map(({ element }, i) => `const ${letters[i]} = ${element};`), body].join('\n'),
  };
  return runtime.run(
    operation,
    program,
    operands.flatMap(({ args }) => args),
    length,
    dtype,
  );
}

const floatUnary: Readonly<Record<UnaryKind, Omit<Elementwise, 'name'>>> = {
  negative: { body: 'return -x;' },
  abs: { body: 'return Math.abs(x);' },
  sign: { body: 'if (x > 0) { return 1; }\nif (x < 0) { return -1; }\nreturn x;' },
  reciprocal: { body: 'return 1 / x;' },
  square: { body: 'return x * x;' },
  exp: { body: 'return exponential(x);', functions: exponential },
  log: { body: 'return logarithm(x);', functions: logarithm },
  sqrt: { body: 'return Math.sqrt(x);' },
  tanh: { body: 'return hyperbolicTangent(x);', functions: hyperbolicTangent },
  erf: { body: 'return errorFunction(x);', functions: erf },
  logicalNot: { body: 'if (x === 0) { return 1; }\nreturn 0;' },
};

// Whole numbers have no −0, which floats would leave behind.
const intUnary: Partial<typeof floatUnary> = { negative: { body: 'return 0 - x;' } };

export const unary: GpuPrimitive<'unary'> =
  (runtime) =>
  ([x], { kind }, [output]) => {
    const int = x.dtype === 'int32';
    const f = (int && intUnary[kind]) || floatUnary[kind];
    const name = int && intUnary[kind] ? `int ${kind}` : kind;
    const result = elementwise(runtime, kind, { name, ...f }, [x], output);
    return [exact(runtime, kind, result, () => intervalOfUnary(kind, x.buffer.interval))];
  };

const holds = (condition: string) => ({ body: `if (${condition}) { return 1; }\nreturn 0;` });
const unlessNaN = (body: string) => ({ body: `if (x !== x) { return x; }\nif (y !== y) { return y; }\n${body}` });

const binaryBodies: Readonly<Record<BinaryKind, Omit<Elementwise, 'name'>>> = {
  add: { body: 'return x + y;' },
  subtract: { body: 'return x - y;' },
  multiply: { body: 'return x * y;' },
  divide: { body: 'return x / y;' },
  power: { body: 'return power(x, y);', functions: power },
  maximum: unlessNaN('if (x > y) { return x; }\nreturn y;'),
  minimum: unlessNaN('if (x < y) { return x; }\nreturn y;'),
  equal: holds('x === y'),
  notEqual: holds('x !== y'),
  less: holds('x < y'),
  lessEqual: holds('x <= y'),
  greater: holds('x > y'),
  greaterEqual: holds('x >= y'),
  logicalAnd: holds('x !== 0 && y !== 0'),
  logicalOr: holds('x !== 0 || y !== 0'),
};
const intProduct: Elementwise = { name: 'int multiply', body: 'if (x === 0 || y === 0) { return 0; }\nreturn x * y;' };

export const binary: GpuPrimitive<'binary'> =
  (runtime) =>
  ([a, b], { kind }, [output]) => {
    const f = a.dtype === 'int32' && kind === 'multiply' ? intProduct : { name: kind, ...binaryBodies[kind] };
    const result = elementwise(runtime, kind, f, [a, b], output);
    if (kind === 'maximum' || kind === 'minimum') {
      result.interval = intervalOfBinary(kind, a.buffer.interval, b.buffer.interval);
      return [result];
    }
    return [exact(runtime, kind, result, () => intervalOfBinary(kind, a.buffer.interval, b.buffer.interval))];
  };

const selectBody: Elementwise = { name: 'select', body: 'if (x !== 0) { return y; }\nreturn z;' };

export const select: GpuPrimitive<'select'> =
  (runtime) =>
  ([condition, a, b], _, [output]) => {
    const result = elementwise(runtime, 'where', selectBody, [condition, a, b], output);
    if (output.dtype === 'int32') result.interval = union(a.buffer.interval, b.buffer.interval);
    return [result];
  };

const castBodies = {
  copy: { name: 'copy', body: 'return x;' },
  // 0 for −0, which a whole number may be stored as
  fromInteger: { name: 'from int', body: 'if (x === 0) { return 0; }\nreturn x;' },
  // Toward zero; NaN and the infinities become 0.
  toInteger: {
    name: 'to int',
    body: 'if (x !== x || Math.abs(x) > 3.4028234663852886e38) { return 0; }\nif (x < 0) { return 0 - Math.floor(-x); }\nreturn Math.floor(x);',
  },
  toBool: { name: 'to bool', body: 'if (x === 0) { return 0; }\nreturn 1;' },
} as const satisfies Record<string, Elementwise>;

const castBody = (from: DType, to: DType): Elementwise => {
  if (from === to || from === 'bool') return castBodies.copy;
  if (to === 'bool') return castBodies.toBool;
  return to === 'int32' ? castBodies.toInteger : castBodies.fromInteger;
};

export const cast: GpuPrimitive<'cast'> =
  (runtime) =>
  ([x], _, [output]) => {
    const result = elementwise(runtime, 'astype', castBody(x.dtype, output.dtype), [x], output);
    const interval = x.dtype === 'bool' ? ([0, 1] as const) : x.buffer.interval;
    return [exact(runtime, 'astype', result, () => interval)];
  };

/** An int32 result with what is known of it, held to the integers that are exact. */
function exact(runtime: Runtime, operation: string, result: GpuBuffer, interval: () => Interval | null): GpuBuffer {
  if (result.dtype !== 'int32') return result;
  result.interval = interval();
  return runtime.requireExact(operation, result);
}
