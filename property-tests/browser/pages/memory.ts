import { engine } from 'omoe';
import { type BackendRequest, loadBackend } from './backends.ts';
import { watchDevices } from './devices.ts';
import { training } from './training.ts';

/** What a long training holds on to. */

export interface MemorySample {
  readonly step: number;
  /** As the backend counts them. */
  readonly buffers: number;
  readonly bytes: number;
  /** As the browser counts them: textures and WebGPU buffers. */
  readonly objects: number;
  /** Objects made since the last sample. */
  readonly made: number;
  /** Bytes of JavaScript after a garbage collection; null where the browser does not tell. */
  readonly heap: number | null;
}

const samples = 20;
/** Of the trainer: two accumulating steps, one orthogonal. Samples lie whole cycles apart, as each phase holds other tensors. */
const cycle = 3;

/** Samples after every so many steps of a training, `samples` and one in all; the global `progress` tells how far it is. */
export async function memoryOver(request: BackendRequest, steps: number): Promise<MemorySample[]> {
  const watched = watchDevices();
  const backend = await loadBackend(request);
  const learner = training(engine(backend));
  const stride = cycle * Math.max(1, Math.ceil(steps / (cycle * samples)));
  const taken: MemorySample[] = [];
  let made = 0;
  for (let step = 1; step <= cycle + stride * samples; step++) {
    await learner.step(false);
    if (step < cycle || (step - cycle) % stride !== 0) continue;
    const { buffers, bytes } = backend.stats();
    taken.push({
      step,
      buffers,
      bytes,
      objects: watched.live(),
      made: watched.made() - made,
      heap: await heapAfterGc(),
    });
    made = watched.made();
    Object.assign(globalThis, { progress: taken.length });
  }
  await backend.dispose();
  return taken;
}

async function heapAfterGc(): Promise<number | null> {
  const collect = Reflect.get(globalThis, 'gc') as ((options: { execution: 'async' }) => Promise<void>) | undefined;
  await collect?.({ execution: 'async' });
  const memory = Reflect.get(performance, 'memory') as { readonly usedJSHeapSize: number } | undefined;
  return collect && memory ? memory.usedJSHeapSize : null;
}
