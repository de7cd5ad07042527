import type { Backend, Kernel } from '../../src/backend.ts';
import { type Engine, type EngineOptions, engine } from '../../src/engine.ts';
import type { FloatType } from '../arbitraries/values.ts';
import type { Subject } from './settings.ts';

/** The backend under test as the laws see it: engines on it, and a note of every buffer, so that each can be freed. */

export interface OwnedSubject extends Subject {
  /** Frees every buffer that was made on the subject's engines since the last call. */
  release(): void;
}

/** Buffers are opaque: whatever a backend calls its own type of them. */
// biome-ignore lint/suspicious/noExplicitAny: a backend of one buffer type is none of `unknown`
export type AnyBackend = Backend<any>;

type MakeEngine = (backend: Backend, options?: EngineOptions) => Engine;

/** @param make for tests of the kit: engines with something wrong in them */
export function subjectOn(backend: Backend, dtype: FloatType, make: MakeEngine = engine): OwnedSubject {
  const made = new Set<unknown>();
  const noted = noting(backend, made);
  return {
    name: backend.name,
    dtype,
    backend: noted,
    engine: (options) => make(noted, { dtype, ...options }),
    release() {
      for (const buffer of made) backend.free(buffer);
      made.clear();
    },
  };
}

/** The backend, which writes each new buffer down. Written out member by member, so that a backend may be a class. */
function noting(backend: Backend, made: Set<unknown>): Backend {
  const note = <T>(buffer: T): T => {
    made.add(buffer);
    return buffer;
  };
  const kernels = Object.fromEntries(
    (Object.entries(backend.kernels) as [string, Kernel<unknown, unknown> | undefined][]).flatMap(([name, kernel]) => {
      if (!kernel) return [];
      const noted: Kernel<unknown, unknown> = (...call) => {
        const result = kernel.apply(backend.kernels, call);
        if (!('declined' in result)) result.forEach(note);
        return result;
      };
      return [[name, noted]];
    }),
  );
  return {
    name: backend.name,
    device: backend.device,
    dtypes: backend.dtypes,
    limits: backend.limits,
    promises: backend.promises,
    ulps: backend.ulps,
    upload: (data, dtype) => note(backend.upload(data, dtype)),
    read: (buffer, offset, length) => backend.read(buffer, offset, length),
    ...(backend.readSync
      ? { readSync: (buffer: unknown, offset: number, length: number) => backend.readSync!(buffer, offset, length) }
      : {}),
    free(buffer) {
      made.delete(buffer);
      backend.free(buffer);
    },
    stats: () => backend.stats(),
    flush: () => backend.flush(),
    dispose: () => backend.dispose(),
    kernels: kernels as unknown as Backend['kernels'],
  };
}
