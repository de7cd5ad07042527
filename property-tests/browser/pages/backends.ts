import type { Backend } from 'omoe/backend';
import { cpu } from 'omoe/backends/cpu';
import { type GpujsOptions, gpujs } from 'omoe/backends/gpujs';
import { type WasmOptions, wasm } from 'omoe/backends/wasm';

export interface BackendRequest {
  readonly backend: 'cpu' | 'gpujs' | 'wasm';
  /** Of gpu.js; of wasm its SIMD. */
  readonly mode?: string;
}

/** Two threads, which share even the smallest work; in a page that is not isolated, what there is without being asked for. */
const shared: WasmOptions = globalThis.crossOriginIsolated ? { threads: 2, largestChunk: 16 } : {};

/** An engine never looks into a buffer, whatever the backend calls its type. */
export async function loadBackend({ backend, mode }: BackendRequest): Promise<Backend> {
  if (backend === 'cpu') return cpu() as Backend;
  if (backend === 'wasm') return (await wasm({ simd: mode as WasmOptions['simd'], ...shared })) as Backend;
  return (await gpujs({ mode: mode as GpujsOptions['mode'], module: fromScript() })) as Backend;
}

/** gpu.js where a script tag has loaded it. `GPU` is also a name of WebGPU's, which is not meant. */
function fromScript(): unknown {
  const global: unknown = Reflect.get(globalThis, 'GPU');
  return typeof global === 'function' && 'createKernel' in global.prototype ? global : undefined;
}
