import type { Backend } from 'omoe/backend';
import { cpu } from 'omoe/backends/cpu';
import { type GpujsOptions, gpujs } from 'omoe/backends/gpujs';

export interface BackendRequest {
  readonly backend: 'cpu' | 'gpujs';
  /** Of gpu.js. */
  readonly mode?: string;
}

/** An engine never looks into a buffer, whatever the backend calls its type. */
export async function loadBackend({ backend, mode }: BackendRequest): Promise<Backend> {
  if (backend === 'cpu') return cpu() as Backend;
  return (await gpujs({ mode: mode as GpujsOptions['mode'], module: fromScript() })) as Backend;
}

/** gpu.js where a script tag has loaded it. `GPU` is also a name of WebGPU's, which is not meant. */
function fromScript(): unknown {
  const global: unknown = Reflect.get(globalThis, 'GPU');
  return typeof global === 'function' && 'createKernel' in global.prototype ? global : undefined;
}
