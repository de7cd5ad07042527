/**
 * A kernel as text. gpu.js translates it to GLSL, WGSL, WebAssembly or JavaScript. It is kept as source text and not as a
 * function, because bundlers, coverage and test runners rewrite functions in ways that gpu.js cannot read.
 *
 * What gpu.js makes of the text, and what every kernel here must mind:
 * - `this.thread.x` is the place of the element in the output; outputs and inputs are flat.
 * - Local variables are Float32, hence exact only up to 2²⁴. Integers beyond that live in `integer` parameters, in loop
 *   variables and in the parameters and results of functions declared `integer`: all index arithmetic belongs there
 *   (addressing.ts). Integer `+ - *` stay integer; `/` is always the division of floats.
 * - `Infinity` in the text becomes 3.4e38 on some devices, and `Math.exp` and the like have errors of their own on each:
 *   pass infinities as arguments, and take the functions of scalar.ts.
 * - A loop runs to a parameter, a buffer's element, or something that is computed from one by + and −. gpu.js takes the result
 *   of a call for a constant, and WebGL 1 then refuses the loop.
 * - GLSL takes `i < n` as the test of a `for` only where n is an argument; for a bound in a local variable write
 *   `while`, whose counter is an int if it starts at a literal and is raised by `++`.
 * - An integer literal beside a `number` is a float, beside an `integer` an int.
 */

/**
 * How many elements a program makes: a number, or on webasm [columns, rows] or [columns, rows, matrices], whose element is at
 * `this.thread.x`, `.y` and `.z`. There gpu.js computes four neighbours of a row at once, and what is the same for all four
 * only once; what depends on `this.thread.x`, or is the result of a call, it takes for different.
 */
export type Extent = number | readonly number[];
export const lengthOf = (extent: Extent): number =>
  typeof extent === 'number' ? extent : extent.reduce((length, axis) => length * axis, 1);

/** How an argument arrives: a buffer `a` is read as `a[i]`. `packed` is for uploads only. */
export type Parameter = 'buffer' | 'integer' | 'number' | 'packed';

export interface Program {
  /** Unique for the text: equal keys share one compiled kernel. It also names the kernel in errors. */
  readonly key: string;
  /** In the order of the arguments. */
  readonly parameters: Readonly<Record<string, Parameter>>;
  /** The statements of the kernel; `return` gives the element at `this.thread.x`. */
  readonly body: string;
  /** No buffer it reads has more than `nearElements` (texture.ts), which makes reading cheaper where buffers are textures. */
  readonly near?: boolean;
  /** What the body calls, directly or through other functions of the list. */
  readonly functions?: readonly GpuFunction[];
}

/** A function that kernels call. Buffers cannot be handed to it. */
export interface GpuFunction {
  /** Unlike any built-in of GLSL and WGSL, and unlike the names that gpu.js itself defines. */
  readonly name: string;
  readonly parameters: Readonly<Record<string, 'integer' | 'number'>>;
  readonly returns: 'integer' | 'number';
  readonly body: string;
}

export const sourceOf = ({ parameters, body }: Program): string =>
  `function(${Object.keys(parameters).join(', ')}) {\n${body}\n}`;

const typeNames = { integer: 'Integer', number: 'Float' } as const;

/** As gpu.js takes them, each once. */
export const functionsOf = ({ functions = [] }: Program) =>
  [...new Map(functions.map((f) => [f.name, f])).values()].map(({ name, parameters, returns, body }) => ({
    name,
    source: `function ${name}(${Object.keys(parameters).join(', ')}) {\n${body}\n}`,
    argumentTypes: Object.values(parameters).map((type) => typeNames[type]),
    returnType: typeNames[returns],
  }));

const glslTypes = { integer: 'int', number: 'float' } as const;

/**
 * GLSL wants a function declared before its use. gpu.js sorts functions, but not those that two others call and that call
 * further ones; so all are declared in front.
 */
export const prototypesOf = ({ functions = [] }: Program): string => {
  const prototypes = functions.map(({ name, parameters, returns }) => {
    const types = Object.values(parameters).map((type) => glslTypes[type]);
    return `${glslTypes[returns]} ${name}(${types.join(', ')});`;
  });
  return [...new Set(prototypes)].join('\n');
};

/** `buffer` is a texture on GL and an array elsewhere. */
export const argumentTypesOf = ({ parameters }: Program, gl: boolean): string[] =>
  Object.values(parameters).map((type) => {
    if (type === 'buffer') return gl ? 'ArrayTexture(1)' : 'Array';
    if (type === 'packed') return gl ? 'MemoryOptimizedNumberTexture' : 'Array';
    return typeNames[type];
  });
