import { DeviceError, UsageError } from '../../src/errors.ts';
import type { Exports } from './generated/exports.ts';

/** The compiled kernels: which build runs here, and an instance of it on a memory. */

/** What rounds a·b + c: twice (`plain`), or once where the processor can (`relaxed`). */
export type Simd = 'plain' | 'relaxed';

export interface KernelModule {
  readonly simd: Simd;
  readonly shared: boolean;
  readonly module: WebAssembly.Module;
}

const sources = {
  plain: () => import('./generated/plain.ts'),
  relaxed: () => import('./generated/relaxed.ts'),
  'plain-shared': () => import('./generated/plain-shared.ts'),
  'relaxed-shared': () => import('./generated/relaxed-shared.ts'),
} as const;

/**
 * The smallest modules that use what is asked after: () -> v128 with i32.const 0, i8x16.splat; and with three such
 * v128 and f32x4.relaxed_madd.
 */
const probe = (body: readonly number[]): Uint8Array<ArrayBuffer> =>
  new Uint8Array([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0], // magic and version
    ...[1, 5, 1, 0x60, 0, 1, 0x7b], // types: () -> v128
    ...[3, 2, 1, 0], // functions: one of that type
    ...[10, body.length + 4, 1, body.length + 2, 0, ...body, 0x0b], // code
  ]);
const splat = [0x41, 0, 0xfd, 0x0f];
const simdProbe = probe(splat);
const relaxedProbe = probe([...splat, ...splat, ...splat, 0xfd, 0x85, 0x02]);

/** Node 20 has relaxed SIMD behind a flag of V8, which may be set at any time before the first such module is compiled. */
function enableRelaxedSimd(): void {
  const nodeProcess = (globalThis as { process?: NodeJS.Process }).process;
  const v8 = nodeProcess?.getBuiltinModule?.('node:v8');
  if (v8 && Number(nodeProcess!.versions.node.split('.')[0]) < 22)
    v8.setFlagsFromString('--experimental-wasm-relaxed-simd');
}

/**
 * Which SIMD to take. `auto`: relaxed where it is to be had.
 * @throws UsageError for another word; DeviceError where there is no WebAssembly SIMD, or no relaxed SIMD though it was asked for
 */
export function chooseSimd(wanted: Simd | 'auto'): Simd {
  if (!['auto', 'plain', 'relaxed'].includes(wanted))
    throw new UsageError({ operation: 'wasm', received: `simd ${String(wanted)}`, expected: 'auto, plain or relaxed' });
  if (typeof WebAssembly === 'undefined' || !WebAssembly.validate(simdProbe))
    throw new DeviceError({
      operation: 'wasm',
      received: 'an environment without WebAssembly SIMD',
      expected: 'Node.js 20 or later, or a browser since 2021',
      advice: 'Use the cpu backend.',
    });
  if (wanted === 'plain') return 'plain';
  enableRelaxedSimd();
  if (WebAssembly.validate(relaxedProbe)) return 'relaxed';
  if (wanted === 'auto') return 'plain';
  throw new DeviceError({
    operation: 'wasm',
    received: 'simd relaxed in an environment without relaxed SIMD',
    expected: 'Node.js 20 or later, or a browser like Chromium 114 or later',
    advice: "Ask for simd 'plain' or 'auto'.",
  });
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** Compiled modules hold no state; whoever opens several backends compiles once. */
const compiled = new Map<keyof typeof sources, Promise<WebAssembly.Module>>();

async function compile(name: keyof typeof sources): Promise<WebAssembly.Module> {
  try {
    const { base64 } = await sources[name]();
    return await WebAssembly.compile(decode(base64));
  } catch (cause) {
    // A chunk that a server did not give, a policy that forbids compiling, no memory: the next call may fare better.
    compiled.delete(name);
    throw new DeviceError(
      {
        operation: 'wasm',
        received: `kernels (${name}) that could not be loaded and compiled: ${cause instanceof Error ? cause.message : cause}`,
        expected: 'WebAssembly that compiles here',
        advice: 'Try again, or use the cpu backend.',
      },
      { cause },
    );
  }
}

/** @throws DeviceError when they cannot be loaded or compiled; a later call tries again */
export async function compileKernels(simd: Simd, shared: boolean): Promise<KernelModule> {
  const name = shared ? (`${simd}-shared` as const) : simd;
  const module = compiled.get(name) ?? compile(name);
  compiled.set(name, module);
  return { simd, shared, module: await module };
}

/** An instance for the host's own thread; those of the others are made in protocol.ts. */
export function instantiate({ module }: KernelModule, memory: WebAssembly.Memory): Exports {
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, thread: { thread: 0 } });
  const functions = Object.entries(exports).filter(([, one]) => typeof one === 'function');
  return Object.fromEntries(functions) as unknown as Exports;
}
