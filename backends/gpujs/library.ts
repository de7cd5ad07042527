import { DeviceError } from '../../src/errors.ts';

/**
 * gpu.js, as far as it is used here. Its own types hide the kernel object, of which this backend reads what really runs and
 * from which it takes the output over (runtime.ts); everything of that kind is named in this file.
 */

export interface Library {
  GPU: new (settings: { mode?: string; context?: unknown; canvas?: unknown }) => Gpu;
  HeadlessGLKernel: KernelClass;
  WebGLKernel: KernelClass;
  WebGL2Kernel: KernelClass;
  WebGPUKernel: KernelClass;
  WebAssemblyKernel: KernelClass;
  CPUKernel: KernelClass;
  WebGPUContext: { acquire(): Promise<{ adapter: Adapter; device: WebGpuDevice }> };
}

export interface KernelClass {
  readonly isSupported: boolean;
  /** GL only: the context that the features were tried out on. */
  readonly testContext?: GlContext | null;
}

export interface Gpu {
  createKernel(source: string, settings: KernelSettings): Shortcut;
  destroy(): Promise<void>;
  readonly context: unknown;
}

export interface KernelSettings {
  readonly output: readonly number[];
  readonly functions: readonly object[];
  readonly argumentTypes: readonly string[];
  readonly pipeline: boolean;
  readonly immutable: boolean;
  readonly dynamicOutput: boolean;
  readonly dynamicArguments: boolean;
  readonly precision: 'single';
  readonly tactic: 'precision';
  readonly loopMaxIterations: number;
  readonly fixIntegerDivisionAccuracy: boolean;
  readonly returnType: 'Number';
  /** GLSL text in front of the functions. */
  readonly injectedNative?: string;
}

/** What `createKernel` gives: a call runs it. */
export interface Shortcut {
  (...args: unknown[]): unknown;
  setOutput(output: readonly number[]): unknown;
  /** The kernel that really runs. gpu.js replaces it where it falls back to another. */
  readonly kernel: Internals;
}

export interface Internals {
  readonly constructor: KernelClass | ((...args: never[]) => unknown);
  readonly context: unknown;
  /** GL: the output of the last run, held until the next. */
  texture?: OutputTexture | null;
  uniform1fCache?: Record<string, number>;
  /** WebGPU: the same. */
  outputBuffer?: { _refs: number; destroy(): void } | null;
  bindGroupDirty?: boolean;
  /** WebAssembly: how many memories are kept, one for each combination of sizes. */
  moduleCacheLimit?: number;
}

export interface OutputTexture {
  delete(): void;
}

export type GlContext = WebGLRenderingContext | WebGL2RenderingContext;

export interface Adapter {
  readonly info?: {
    readonly vendor?: string;
    readonly architecture?: string;
    readonly device?: string;
    readonly description?: string;
    readonly isFallbackAdapter?: boolean;
  };
  readonly isFallbackAdapter?: boolean;
}

export interface WebGpuDevice {
  readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number };
  readonly lost: Promise<{ readonly reason: string; readonly message: string }>;
  readonly queue: { onSubmittedWorkDone(): Promise<void> };
  addEventListener(type: 'uncapturederror', listener: (event: { readonly error: Error }) => void): void;
  removeEventListener(type: 'uncapturederror', listener: (event: { readonly error: Error }) => void): void;
}

/**
 * gpu.js as a module that the caller imported, or imported here: it is an optional peer.
 * @throws DeviceError where it is not installed
 */
export async function loadLibrary(given: unknown): Promise<Library> {
  const imported: unknown =
    given ??
    (await import('gpu.js').catch((cause: unknown) => {
      throw new DeviceError(
        {
          operation: 'gpujs',
          received: `no gpu.js (${cause instanceof Error ? cause.message : String(cause)})`,
          expected: 'the package gpu.js 2.24 beside omoe',
          advice: 'npm install gpu.js, or hand over a module that was loaded otherwise: gpujs({ module }).',
        },
        { cause },
      );
    }));
  // In Node the names are exports of the module; browser builds export the class GPU, which carries them.
  const candidates = [imported, (imported as { default?: unknown }).default];
  const library = candidates.find(
    (module): module is Library => typeof (module as Library | undefined)?.GPU === 'function',
  );
  if (!library?.CPUKernel || !library.WebAssemblyKernel)
    throw new DeviceError({
      operation: 'gpujs',
      received: 'a module without GPU, CPUKernel and WebAssemblyKernel',
      expected: 'gpu.js 2.24',
      advice: 'npm install gpu.js@2.24.',
    });
  return library;
}
