import { Worker } from 'node:worker_threads';
import { describe, expect, it, vi } from 'vitest';
import { DeviceError } from '../../src/errors.ts';
import { compileKernels, instantiate } from './module.ts';
import { argumentsAt, maxChunks, word } from './protocol.ts';
import { type StartThread, startThreads } from './threads.ts';

const plain = await compileKernels('plain', true);

/** Two threads on a memory of four pages; `fill` is the number of a kernel: fill8(y, value, first, last). */
async function twoThreads(start?: StartThread, patience = 30_000) {
  const memory = new WebAssembly.Memory({ initial: 4, maximum: 65536, shared: true });
  const exports = instantiate(plain, memory);
  const kernels = Object.values(exports);
  const threads = await startThreads(plain, memory, { count: 2, patience, kernels, start });
  return { threads, bytes: new Uint8Array(memory.buffer), fill: Object.keys(exports).indexOf('fill8') };
}

/** A thread that says it is ready and then runs `body` with the control words. */
const faulty =
  (body: string): StartThread =>
  (_, { control }: { control?: SharedArrayBuffer }, died) => {
    const source = `
      const words = new Int32Array(require('node:worker_threads').workerData, 0, ${argumentsAt / 4});
      Atomics.add(words, ${word.ready}, 1);
      ${body}`;
    const worker = new Worker(source, { eval: true, workerData: control });
    worker.unref();
    worker.on('exit', (code) => died(`it exited with code ${code}`));
    return { terminate: async () => void (await worker.terminate()) };
  };

/** Claims the first chunk that there is to claim, and does not compute it. A ticket that is sold out or closed is none. */
const claim = `
  for (;;) {
    const ticket = Atomics.load(words, ${word.ticket});
    if ((ticket & ${maxChunks}) >= Atomics.load(words, ${word.chunks})) continue;
    if (Atomics.compareExchange(words, ${word.ticket}, ticket, ticket + 1) === ticket) break;
  }`;

describe('threads', () => {
  it('compute every item once', async () => {
    const { threads, bytes, fill } = await twoThreads();
    for (let round = 1; round <= 300; round++) {
      const items = 1 + ((round * 37) % 5000);
      bytes.fill(0);
      threads.run('fill', fill, items, 1 + (round % 7), [70000, round % 255]);
      expect(bytes.subarray(70000, 70000 + items).every((byte) => byte === round % 255)).toBe(true);
      expect(bytes[70000 + items]).toBe(0);
    }
    await threads.stop();
  });

  it('that trap are told, whichever of them it was', async () => {
    const { threads, fill } = await twoThreads();
    // The host's own instance traps on the same address, with the error of WebAssembly.
    expect(() => threads.run('fill', fill, 1000, 1, [2 ** 31, 7])).toThrow(/a trap in thread 1|out of bounds/);
    await threads.stop();
  });

  it("of which the host's own fails end the backend, as the others may still be at work", async () => {
    // Of two threads that work, the other may take every chunk; this one takes none.
    const { threads, fill } = await twoThreads(faulty('for (;;);'));
    expect(() => threads.run('fill', -1, 10, 1, [])).toThrow(/fill: received a kernel ended in the host's thread/);
    expect(() => threads.run('fill', fill, 10, 1, [70000, 7])).toThrow(DeviceError);
    await threads.stop();
  });

  it('that cannot be started are an error, and those before them are ended', async () => {
    const ended: number[] = [];
    const memory = new WebAssembly.Memory({ initial: 4, maximum: 65536, shared: true });
    const start: StartThread = (_, data) => {
      const { thread } = data as { thread: number };
      if (thread === 2) throw new RangeError('out of threads');
      return { terminate: async () => void ended.push(thread) };
    };
    const opened = startThreads(plain, memory, { count: 4, patience: 5000, kernels: [], start });
    await expect(opened).rejects.toThrow(/thread 2 ended: it could not be started: out of threads, expected 3 threads/);
    await expect(opened).rejects.toThrow(DeviceError);
    expect(ended).toEqual([1]);
  });

  it('that never start are an error', async () => {
    const silent: StartThread = () => ({ terminate: async () => {} });
    await expect(twoThreads(silent, 50)).rejects.toThrow(DeviceError);
    await expect(twoThreads(silent, 50)).rejects.toThrow(/0 of 1 threads after 50 ms/);
  });

  it('that end before they are ready are an error with the reason', async () => {
    const ended: StartThread = (_, __, died) => {
      died('it exited with code 9');
      return { terminate: async () => {} };
    };
    await expect(twoThreads(ended)).rejects.toThrow(/thread 1 ended: it exited with code 9/);
  });

  it('that claim a share and never answer are an error, not a wait without end', async () => {
    const { threads, fill } = await twoThreads(faulty(`${claim} for (;;);`), 5000);
    let caught: unknown;
    // On a busy machine the thread may come late to its first share.
    for (const begin = performance.now(); performance.now() - begin < 30_000 && !caught; )
      try {
        threads.run('fill', fill, 4000, 1, [70000, 7]);
      } catch (error) {
        caught = error;
      }
    expect(caught).toBeInstanceOf(DeviceError);
    expect(String(caught)).toMatch(/fill: received no answer from a thread for 5000 ms/);
    await threads.stop();
  });

  it('that died are noticed at the next call', async () => {
    const { threads, fill } = await twoThreads(faulty('process.exit(3);'));
    const fills = () => threads.run('fill', fill, 10, 1, [70000, 7]);
    await vi.waitFor(() => expect(fills).toThrow(/thread 1 ended: it exited with code 3/), 30_000);
    await threads.stop();
  });

  it('that are too slow to take part delay nothing', async () => {
    const { threads, bytes, fill } = await twoThreads(faulty('for (;;);'));
    threads.run('fill', fill, 100, 1, [70000, 7]);
    expect(bytes.subarray(70000, 70100).every((byte) => byte === 7)).toBe(true);
    await threads.stop();
  });
});
