import { DeviceError } from '../../src/errors.ts';
import type { KernelModule } from './module.ts';
import {
  argumentsAt,
  chunkBits,
  controlBytes,
  jobMask,
  maxArguments,
  maxChunks,
  threadSource,
  word,
} from './protocol.ts';

/** A thread trapped, died or did not answer in time: the memory is not to be trusted from then on. */
export class LostThreads extends DeviceError {}

/** The threads beside the host's own: Node's `worker_threads`, or workers of a browser whose page is cross-origin isolated. */
export interface Threads {
  /** All of them, the host's own included. */
  readonly count: number;
  /**
   * Computes the items [0, items) of a kernel in chunks of `grain`, the host's thread among those that work, and returns when
   * all are done.
   * @throws LostThreads
   */
  run(operation: string, kernel: number, items: number, grain: number, args: readonly number[]): void;
  stop(): Promise<void>;
}

export interface Thread {
  /** Resolves when it has ended. */
  terminate(): Promise<void>;
}

/** Starts `source` (protocol.ts) with `data`; `died` is called when it ends by itself. */
export type StartThread = (source: string, data: object, died: (reason: string) => void) => Thread;

/** Why no memory can be shared here; null where it can. */
export function whyNoThreads(): string | null {
  if (typeof SharedArrayBuffer === 'undefined')
    return 'no SharedArrayBuffer; a page has it once it is cross-origin isolated (headers COOP: same-origin, COEP: require-corp)';
  const isolated = (globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated;
  if (isolated === false)
    return 'the page is not cross-origin isolated (headers COOP: same-origin, COEP: require-corp)';
  if (typeof Worker === 'undefined' && !nodeModule('node:worker_threads'))
    return 'neither web workers nor worker_threads (omoe finds them in Node.js from 20.16 on)';
  return null;
}

const nodeModule = <T>(name: string): T | undefined =>
  (globalThis as { process?: NodeJS.Process }).process?.getBuiltinModule?.(name as never) as T | undefined;

export const processors = (): number =>
  nodeModule<typeof import('node:os')>('node:os')?.availableParallelism() ??
  globalThis.navigator?.hardwareConcurrency ??
  1;

const startThread: StartThread = (source, data, died) => {
  const node = nodeModule<typeof import('node:worker_threads')>('node:worker_threads');
  if (node) {
    // As a module or as a script: which of the two a text is depends on how the process was started.
    const worker = new node.Worker(`${source}\nserve(process.getBuiltinModule('node:worker_threads').workerData);`, {
      eval: true,
      workerData: data,
      execArgv: [], // no loader and no hook of the host's belongs into this thread
      name: 'omoe wasm',
    });
    worker.unref();
    worker.on('error', (error) => died(String(error)));
    worker.on('exit', (code) => died(`it exited with code ${code}`));
    return {
      terminate: async () => {
        await worker.terminate();
      },
    };
  }
  const url = URL.createObjectURL(
    new Blob([`${source}\nonmessage = ({ data }) => serve(data);`], { type: 'text/javascript' }),
  );
  const worker = new Worker(url, { name: 'omoe wasm' });
  worker.onerror = (event) => died(event.message);
  worker.postMessage(data);
  return {
    terminate: async () => {
      worker.terminate();
      URL.revokeObjectURL(url);
    },
  };
};

/** Where `Atomics.wait` is refused (the main thread of a page) the host can only look again and again. */
function mayBlock(words: Int32Array): boolean {
  try {
    Atomics.wait(words, word.done, Atomics.load(words, word.done) + 1, 0);
    return true;
  } catch {
    return false;
  }
}

export interface ThreadsOptions {
  readonly count: number;
  /** Milliseconds without any progress after which a thread counts as dead. */
  readonly patience: number;
  /** The kernels of the host's own instance, in the order of the module's exports. */
  readonly kernels: readonly ((...args: number[]) => void)[];
  /** For tests: threads that fail. */
  readonly start?: StartThread;
}

/** @throws DeviceError when not all of them start within `patience` */
export async function startThreads(
  { module }: KernelModule,
  memory: WebAssembly.Memory,
  { count, patience, kernels, start = startThread }: ThreadsOptions,
): Promise<Threads> {
  const control = new SharedArrayBuffer(controlBytes);
  const words = new Int32Array(control, 0, argumentsAt / 4);
  const numbers = new Float64Array(control, argumentsAt, maxArguments);
  const blocking = mayBlock(words);
  let stopping = false;
  let death: string | null = null;
  let job = 0;

  const threads: Thread[] = [];
  const stop = async (): Promise<void> => {
    stopping = true;
    await Promise.all(threads.map((thread) => thread.terminate()));
  };
  for (let i = 1; i < count && death === null; i++) {
    const died = (reason: string): void => {
      if (!stopping) death ??= `thread ${i} ended: ${reason}`;
    };
    try {
      threads.push(start(threadSource, { module, memory, control, thread: i }, died));
    } catch (error) {
      // A system that is out of threads, or a page that forbids workers.
      died(`it could not be started: ${error instanceof Error ? error.message : error}`);
    }
  }

  const begin = performance.now();
  while (death !== null || Atomics.load(words, word.ready) < count - 1) {
    // Not Atomics.wait: threads of a browser start only while the page's own thread is free.
    await new Promise((resolve) => setTimeout(resolve, 1));
    if (death === null && performance.now() - begin < patience) continue;
    await stop();
    throw new DeviceError({
      operation: 'wasm',
      received: death ?? `${Atomics.load(words, word.ready)} of ${count - 1} threads after ${patience} ms`,
      expected: `${count - 1} threads beside the host's own`,
      advice: 'Ask for threads: 1, or for fewer.',
    });
  }

  /** Claims the next chunk of the job; null when there is none. */
  const claim = (chunks: number): number | null => {
    for (;;) {
      const ticket = Atomics.load(words, word.ticket);
      const chunk = ticket & maxChunks;
      if (chunk >= chunks) return null;
      if (Atomics.compareExchange(words, word.ticket, ticket, ticket + 1) === ticket) return chunk;
    }
  };

  const failed = (operation: string, received: string): LostThreads =>
    new LostThreads({
      operation,
      received,
      expected: 'threads that finish their share',
      advice: 'The backend is lost: make a new one, and start from the last state that was read.',
    });

  /** Until all chunks are done. Time in which the whole process was stopped counts as one look at most. */
  const finish = (operation: string, chunks: number): void => {
    const look = Math.min(patience, 100);
    let waited = 0;
    let done = Atomics.load(words, word.done);
    while (done < chunks) {
      const begun = performance.now();
      if (blocking) Atomics.wait(words, word.done, done, look);
      const now = Atomics.load(words, word.done);
      waited = now === done ? waited + Math.min(look, performance.now() - begun) : 0;
      if (waited >= patience)
        throw failed(operation, `no answer from a thread for ${patience} ms${death ? ` (${death})` : ''}`);
      done = now;
    }
  };

  return {
    count,
    run(operation, kernel, items, grain, args) {
      if (death !== null) throw failed(operation, death);
      const size = Math.max(grain, Math.ceil(items / maxChunks));
      const chunks = Math.ceil(items / size);
      job = (job + 1) & jobMask;
      Atomics.store(words, word.ticket, (job << chunkBits) | maxChunks); // closed while the job is written
      numbers.set(args);
      Atomics.store(words, word.kernel, kernel);
      Atomics.store(words, word.arity, args.length);
      Atomics.store(words, word.chunks, chunks);
      Atomics.store(words, word.items, items);
      Atomics.store(words, word.grain, size);
      Atomics.store(words, word.done, 0);
      Atomics.store(words, word.ticket, job << chunkBits);
      Atomics.store(words, word.job, job);
      Atomics.notify(words, word.job);
      try {
        for (let chunk = claim(chunks); chunk !== null; chunk = claim(chunks)) {
          kernels[kernel](...args, chunk * size, Math.min(items, (chunk + 1) * size));
          Atomics.add(words, word.done, 1);
        }
      } catch (error) {
        // Others may still be at their chunks of this job: no other may follow it.
        death ??= `a kernel ended in the host's thread: ${error}`;
        throw error instanceof WebAssembly.RuntimeError ? error : failed(operation, death);
      }
      finish(operation, chunks);
      const trapped = Atomics.load(words, word.trapped);
      if (trapped !== 0) throw failed(operation, `a trap in thread ${trapped - 1}`);
    },
    stop,
  };
}
