import type { Backend } from './backend.ts';
import { UsageError } from './errors.ts';

/** The buffers that are freed with a region. */
export class Owned {
  readonly #backend: Backend;
  readonly #buffers = new Set<unknown>();
  #open = true;

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /** @throws UsageError once the region is disposed; the buffer is freed then, as nobody else would */
  add(buffer: unknown): void {
    if (this.#open) {
      this.#buffers.add(buffer);
      return;
    }
    this.#backend.free(buffer);
    throw new UsageError({
      operation: 'region',
      received: 'an operation in a region that was disposed',
      expected: 'a region that is still open',
      advice: 'Keep what has to outlive it (region.keep), and await all work before its end.',
    });
  }
  /** No longer freed with the region. @returns whether it was owned here */
  release(buffer: unknown): boolean {
    return this.#buffers.delete(buffer);
  }
  freeAll(): void {
    this.#open = false;
    for (const buffer of this.#buffers) this.#backend.free(buffer);
    this.#buffers.clear();
  }
}
