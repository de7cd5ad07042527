import type { DType } from '../../src/backend.ts';
import { DeviceError, OmoeError } from '../../src/errors.ts';

/**
 * Buffers. Every dtype lives on the device as Float32: int32 and bool are exact there below 2²⁴ (`limits.integer`).
 */

/** What gpu.js returns: a texture, a handle of a storage buffer, or a plain array. */
export type Value = Float32Array | Handle;
export interface Handle {
  toArray(): Float32Array | Promise<Float32Array>;
  delete(): void;
}

/** Where the values are. Apart from the buffer, so that it can be released after the buffer was collected. */
export interface Cell {
  /** Null while a kernel that fills it has not run, and after it was released. */
  value: Value | null;
  /** Why there will be no value. */
  failure: OmoeError | null;
  bytes: number;
}

/** Smallest and largest value that the elements of an int32 buffer can have, as far as the host knows. */
export type Interval = readonly [low: number, high: number];

export interface GpuBuffer {
  readonly dtype: DType;
  readonly length: number;
  /** All elements are this number, and nothing is allocated until somebody needs the elements. */
  readonly constant: number | null;
  /** Null until a constant is needed in memory. */
  cell: Cell | null;
  interval: Interval | null;
  freed: boolean;
}

export interface Ledger {
  /** A new buffer, counted. */
  open(dtype: DType, length: number, cell: Cell | null, constant?: number): GpuBuffer;
  /** Counts the memory that a constant takes from now on. */
  fill(buffer: GpuBuffer, cell: Cell): void;
  /** @throws OmoeError when the buffer was freed or the backend disposed */
  requireLive(buffer: GpuBuffer, operation: string): void;
  /** @throws OmoeError, or the DeviceError of a lost device */
  requireOpen(operation: string): void;
  free(buffer: GpuBuffer): void;
  stats(): { readonly buffers: number; readonly bytes: number };
  /** From now on every call throws what `reason` makes of its operation. */
  close(reason: (operation: string) => OmoeError): void;
  readonly closed: boolean;
}

/** @param release gives the memory of a cell back to the device */
export function createLedger(release: (cell: Cell) => void): Ledger {
  let [buffers, bytes] = [0, 0];
  let reason: ((operation: string) => OmoeError) | null = null;
  interface Held {
    cell: Cell | null;
  }
  const heldBy = new WeakMap<GpuBuffer, Held>();
  const forget = (held: Held): void => {
    if (reason) return;
    buffers--;
    if (!held.cell) return;
    bytes -= held.cell.bytes;
    release(held.cell);
  };
  // Buffers that nobody freed but the garbage collector took.
  const collected = new FinalizationRegistry<Held>(forget);

  return {
    open(dtype, length, cell, constant) {
      const buffer: GpuBuffer = { dtype, length, constant: constant ?? null, cell, interval: null, freed: false };
      const held = { cell };
      buffers++;
      bytes += cell?.bytes ?? 0;
      heldBy.set(buffer, held);
      collected.register(buffer, held, buffer);
      return buffer;
    },
    fill(buffer, cell) {
      buffer.cell = cell;
      heldBy.get(buffer)!.cell = cell;
      bytes += cell.bytes;
    },
    requireLive(buffer, operation) {
      this.requireOpen(operation);
      if (buffer.freed)
        throw new OmoeError({
          operation,
          received: `a ${buffer.dtype} buffer that was freed`,
          expected: 'a live buffer',
          advice: 'Free a tensor, or the region it belongs to, only after its last use.',
        });
    },
    requireOpen(operation) {
      if (reason) throw reason(operation);
    },
    free(buffer) {
      if (buffer.freed) return;
      buffer.freed = true;
      collected.unregister(buffer);
      forget(heldBy.get(buffer)!);
      buffer.cell = null;
    },
    stats: () => ({ buffers, bytes }),
    close(because) {
      if (reason) return;
      reason = because;
      [buffers, bytes] = [0, 0];
    },
    get closed() {
      return reason !== null;
    },
  };
}

export const disposed = (operation: string): OmoeError =>
  new OmoeError({
    operation,
    received: 'a call to a disposed backend',
    expected: 'a live backend',
    advice: 'Make a new one with gpujs().',
  });

export const lost =
  (device: string) =>
  (operation: string): DeviceError =>
    new DeviceError({
      operation,
      received: `a call to ${device}, which was lost`,
      expected: 'a device that still holds its memory',
      advice: 'Make a new backend with gpujs() and load the last checkpoint.',
    });
