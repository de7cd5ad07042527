import type { Backend, Kernel, Kernels } from '../../src/backend.ts';
import type { GpuBuffer } from './buffer.ts';
import { composites } from './composites.ts';
import { type Mode, openDevice } from './device.ts';
import { binary, cast, select, unary } from './elementwise.ts';
import { gather, scatterAdd } from './gather.ts';
import { copy, fill } from './move.ts';
import { reduce } from './reduce.ts';
import { createRuntime, largestInteger, type Runtime } from './runtime.ts';

/**
 * The gpu.js backend: every operation is a kernel that gpu.js translates for a graphics card (WebGPU, WebGL 2, WebGL 1,
 * headless-gl), for WebAssembly or for plain JavaScript. Buffers stay on the device until they are read.
 */
export type GpuBackend = Backend<GpuBuffer>;
export type { GpuBuffer } from './buffer.ts';
export type { Mode } from './device.ts';

export interface GpujsOptions {
  /** What to run on. `auto`, the default, chooses, and says in `device.notes` what and why. */
  readonly mode?: Mode | 'auto';
  /** gpu.js, where it was loaded otherwise than by `import('gpu.js')`. */
  readonly module?: unknown;
}

/**
 * Our own functions (scalar.ts), wherever + − × are rounded correctly: above the worst of 400,000 arguments each (exp 0.98,
 * log 0.81, tanh 1.23, erf 1.19, power 130), with room for a division that is not. A power is off by up to
 * (89 · 3 − 1)u, as scalar.ts says.
 */
const functionUlps = { exp: 1.5, log: 1.5, tanh: 2.5, erf: 2, power: 268 };
const hostUlps = { divide: 0.5, sqrt: 0.5 };
// What WGSL allows, and GLSL ES 3: 2.5 for x/y; √x as 1/inverseSqrt(x), 2 and then 2.5.
const shaderUlps = { divide: 2.5, sqrt: 5 };

/** The kernels, each of which first makes sure of its inputs: that they were not freed, nor the device lost. */
function onLiveBuffers(runtime: Runtime, kernels: Kernels<GpuBuffer>): Kernels<GpuBuffer> {
  const live = ([name, kernel]: [string, Kernel<GpuBuffer, object>]): [string, Kernel<GpuBuffer, object>] => [
    name,
    (inputs, attrs, outputs) => {
      // `unary`, `binary` and `reduce` are better known by their kind: exp, add, sum.
      const operation = 'kind' in attrs ? String(attrs.kind) : name;
      for (const { buffer } of inputs) runtime.requireLive(operation, buffer);
      return kernel(inputs, attrs, outputs);
    },
  ];
  const entries = Object.entries(kernels) as [string, Kernel<GpuBuffer, object>][];
  return Object.fromEntries(entries.map(live)) as unknown as Kernels<GpuBuffer>;
}

/** @throws DeviceError where gpu.js is not installed, or the mode is not to be had: nothing else is ever taken instead */
export async function gpujs({ mode = 'auto', module }: GpujsOptions = {}): Promise<GpuBackend> {
  const device = await openDevice(mode, module);
  const runtime = createRuntime(device);
  const kernels: Kernels<GpuBuffer> = {
    unary: unary(runtime),
    binary: binary(runtime),
    select: select(runtime),
    reduce: reduce(runtime),
    copy: copy(runtime),
    gather: gather(runtime),
    scatterAdd: scatterAdd(runtime),
    fill: fill(runtime),
    cast: cast(runtime),
    ...composites(runtime),
  };
  const onHost = device.mode === 'cpu' || device.mode === 'webasm';
  return {
    name: 'gpujs',
    device: { mode: device.mode, name: device.name, threads: 1, notes: device.notes },
    dtypes: ['float32', 'int32', 'bool'],
    limits: { elements: device.elements, integer: largestInteger },
    promises: { repeatable: true, specialValues: onHost },
    ulps: { ...functionUlps, ...(onHost ? hostUlps : shaderUlps) },
    upload: runtime.upload,
    read: runtime.read,
    free: runtime.free,
    stats: runtime.stats,
    flush: runtime.flush,
    dispose: runtime.dispose,
    kernels: onLiveBuffers(runtime, kernels),
  };
}
