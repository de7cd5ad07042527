import type { Worker, WorkerOptions } from 'node:worker_threads';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceError } from '../../src/errors.ts';
import { engine, type SyncEngine, type Tensor } from '../../src/index.ts';
import { type WasmBackend, wasm } from './index.ts';

/** What becomes of a backend whose thread fails, or whose kernels do not load: typed errors, no hang, and a new one works. */

const workers: Worker[] = [];
const node = process.getBuiltinModule('node:worker_threads');

/** From here on threads are started from `change(source)`, and listed in `workers`. */
function threadsRun(change: (source: string) => string): void {
  class Changed extends node.Worker {
    constructor(source: string, options: WorkerOptions) {
      super(change(source), options);
      workers.push(this);
    }
  }
  const real = process.getBuiltinModule.bind(process) as (name: string) => object;
  vi.spyOn(process, 'getBuiltinModule').mockImplementation(((name: string) =>
    name === 'node:worker_threads' ? { ...node, Worker: Changed } : real(name)) as typeof process.getBuiltinModule);
}

const backends: WasmBackend[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  workers.length = 0;
  for (const backend of backends.splice(0)) await backend.dispose();
});
const opened = async (patience?: number): Promise<[SyncEngine, WasmBackend]> => {
  const backend = await wasm({ threads: 2, patience, largestChunk: 1 });
  backends.push(backend);
  return [engine(backend), backend];
};

/** Uploaded, so that the product below is the first kernel, and large enough to be shared. */
const square = (t: SyncEngine): Tensor => t.tensor(new Float32Array(256 * 256).fill(1), [256, 256]);

const computes = 'kernel(...args, chunk * grain';
/** Where a thread has a chunk, it does this instead of computing it. */
const withAChunk = (body: string) => (source: string) => {
  expect(source).toContain(computes);
  return source.replace(computes, `${body}; ${computes}`);
};

/** A busy machine may let the host do all the chunks of a product: the thread fails at the first in which it takes part. */
function firstFailure(a: Tensor): unknown {
  for (const begin = performance.now(); performance.now() - begin < 30_000; )
    try {
      a.engine.free(a.matmul(a));
    } catch (error) {
      return error;
    }
  throw new Error('no thread ever failed');
}

const endings: readonly { readonly name: string; readonly body: string; readonly received: RegExp }[] = [
  { name: 'stalls', body: 'for (;;)', received: /no answer from a thread for 5000 ms/ },
  {
    name: 'dies',
    body: "process.getBuiltinModule('node:process').exit(7)",
    received: /no answer from a thread for 5000 ms/,
  },
  { name: 'traps', body: 'throw new WebAssembly.RuntimeError()', received: /a trap in thread 1/ },
];

/** Every call names itself and says what ended the backend; whoever opens another one goes on. */
async function expectLost([t, backend]: [SyncEngine, WasmBackend], a: Tensor, failure: unknown, reason: RegExp) {
  expect(failure).toBeInstanceOf(DeviceError);
  expect((failure as DeviceError).complaint).toMatchObject({
    operation: 'matmul',
    received: expect.stringMatching(reason),
    advice: expect.stringContaining('The backend is lost: make a new one'),
  });
  const later: [string, () => unknown][] = [
    ['add', () => a.add(a)],
    ['matmul', () => a.matmul(a)],
    ['upload', () => t.tensor([1])],
    ['read', () => t.dataSync(a)],
    ['read', () => a.data()],
    ['flush', () => backend.flush()],
  ];
  for (const [operation, act] of later) {
    const error = await Promise.resolve()
      .then(act)
      .then(
        () => null,
        (thrown: unknown) => thrown,
      );
    expect(error, operation).toBeInstanceOf(DeviceError);
    const { complaint, cause } = error as DeviceError;
    expect(complaint).toMatchObject({
      operation,
      received: expect.stringMatching(/a backend that was lost in matmul/),
    });
    expect(complaint.received).toMatch(reason);
    expect(cause).toBe(failure);
  }
  t.free(a);
  await backend.dispose();
  vi.restoreAllMocks();
  const [next] = await opened();
  expect(next.dataSync(next.eye(2).matmul(next.ones([2, 2])))).toEqual(new Float32Array([1, 1, 1, 1]));
}

describe('a thread of wasm()', () => {
  it.each(endings)(
    'that $name with a share of a product ends the backend',
    async ({ body, received }) => {
      threadsRun(withAChunk(body));
      const both = await opened(5000);
      const a = square(both[0]);
      await expectLost(both, a, firstFailure(a), received);
    },
    60_000,
  );

  it('that ends between two calls ends the backend at the next that is shared', async () => {
    threadsRun((source) => source);
    const both = await opened();
    const a = square(both[0]);
    a.matmul(a);
    await workers[0].terminate();
    await expectLost(both, a, firstFailure(a), /thread 1 ended: it exited with code 1/);
  }, 60_000);
});

describe('kernels that', () => {
  const fails = async (simd: 'plain' | 'relaxed', cause: string): Promise<void> => {
    const error = await wasm({ simd, threads: 1 }).then(null, (thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeviceError);
    expect((error as DeviceError).message).toContain(`wasm: received kernels (${simd}) that could not be loaded`);
    expect((error as DeviceError).message).toContain(cause);
  };

  it('did not compile are a DeviceError, and the next call tries again', async () => {
    const compiling = vi.spyOn(WebAssembly, 'compile');
    compiling.mockRejectedValueOnce(new WebAssembly.CompileError('compiling is forbidden'));
    compiling.mockRejectedValueOnce(new RangeError('out of memory'));
    await fails('plain', 'compiling is forbidden');
    await fails('plain', 'out of memory');
    backends.push(await wasm({ simd: 'plain', threads: 1 }));
  });

  it('did not arrive are too', async () => {
    vi.doMock('./generated/relaxed.ts', () => {
      throw new TypeError('failed to fetch');
    });
    await fails('relaxed', 'mocking a module');
    vi.doUnmock('./generated/relaxed.ts');
    backends.push(await wasm({ simd: 'relaxed', threads: 1 }));
  });
});
