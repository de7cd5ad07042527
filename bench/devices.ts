import { cpu } from '../backends/cpu/index.ts';
import { gpujs, type Mode } from '../backends/gpujs/index.ts';
import { wasm } from '../backends/wasm/index.ts';
import type { Backend } from '../src/backend.ts';

/**
 * What a case can run on. `cpu`: omoe's readable loops. `wasm` on all threads, `wasm-1` on one; `-plain` without fused
 * multiply-add. The others are modes of gpu.js, whose plain JavaScript is called `gpujs-cpu` here.
 */
export const devices = [
  ...['cpu', 'wasm-1', 'wasm', 'wasm-plain-1', 'wasm-plain'],
  ...['gpujs-cpu', 'webasm', 'headlessgl', 'webgl', 'webgl2', 'webgpu'],
] as const as readonly DeviceName[];
export type DeviceName =
  | ('cpu' | 'wasm-1' | 'wasm' | 'wasm-plain-1' | 'wasm-plain')
  | ('gpujs-cpu' | 'webasm' | 'headlessgl' | 'webgl' | 'webgl2' | 'webgpu');

/** Those that run where none are named: without fused multiply-add `wasm` is a slower `wasm`, of interest to few. */
export const usualDevices = devices.filter((device) => !device.startsWith('wasm-plain'));

export const isGpujs = (device: DeviceName): boolean => device !== 'cpu' && !device.startsWith('wasm');

/** The mode of gpu.js below a device. */
export const modeOf = (device: DeviceName): Mode => (device === 'gpujs-cpu' ? 'cpu' : device) as Mode;

/**
 * More multiplications and additions than this in a call take a minute for 20 samples: such sizes are left out unless they are
 * named. Null: no limit.
 */
export const mostFlops = (device: DeviceName): number | null =>
  device.startsWith('wasm') || (device.startsWith('web') && device !== 'webasm') ? null : 1e9;

/** @param threads those of `wasm` and `wasm-plain` */
export async function openDevice(device: DeviceName, threads: number): Promise<Backend> {
  if (device === 'cpu') return cpu() as unknown as Backend;
  if (isGpujs(device)) return (await gpujs({ mode: modeOf(device) })) as unknown as Backend;
  const simd = device.startsWith('wasm-plain') ? 'plain' : 'auto';
  return (await wasm({ simd, threads: device.endsWith('-1') ? 1 : threads })) as unknown as Backend;
}
