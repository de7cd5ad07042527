import { spawnSync } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { DeviceError, UsageError } from '../../src/errors.ts';
import { engine, type SyncEngine } from '../../src/index.ts';
import { digestOfSources } from './build.ts';
import { digest } from './generated/digest.ts';
import { type WasmBackend, type WasmOptions, wasm } from './index.ts';

/** What is particular to this backend: memory, threads, and what it refuses. That it computes right is the kit's to say. */

const open: WasmBackend[] = [];
async function opened(options: WasmOptions = {}): Promise<[SyncEngine, WasmBackend]> {
  const backend = await wasm({ threads: 1, simd: 'plain', ...options });
  open.push(backend);
  return [engine(backend), backend];
}
afterEach(async () => {
  vi.unstubAllGlobals();
  for (const backend of open.splice(0)) await backend.dispose();
});

it('the kernels are compiled from the sources as they are', () => {
  expect(digest, 'The kernels have changed: run `npm run kernels`.').toBe(digestOfSources());
});

describe('memory', () => {
  it('that is full refuses by name, and goes on when something was freed', async () => {
    const [t, backend] = await opened({ memory: 2 ** 20 });
    const first = t.zeros([100_000]);
    expect(() => t.ones([200_000])).toThrow(DeviceError);
    expect(() => t.ones([200_000])).toThrow(
      /fill: received 800000 bytes more, with 400000 in use, expected at most 1048576/,
    );
    expect(backend.stats()).toEqual({ buffers: 1, bytes: 400_000 });
    const second = first.add(1);
    expect(t.dataSync(second)[99_999]).toBe(1);
    t.free([first, second]);
    expect(t.dataSync(t.ones([120_000]))[119_999]).toBe(1);
  });

  it('beyond 4 GiB is refused before anything is taken', async () => {
    const [t, backend] = await opened();
    expect(() => t.zeros([2 ** 31 - 1])).toThrow(DeviceError);
    expect(backend.stats()).toEqual({ buffers: 0, bytes: 0 });
    expect(t.dataSync(t.ones([3]))).toEqual(new Float32Array([1, 1, 1]));
  });

  it('of temporaries goes with the kernel, also when it throws', async () => {
    const [t, backend] = await opened();
    const x = t.tensor([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    const before = backend.stats();
    for (let i = 0; i < 100; i++) {
      using step = t.region();
      step.borrow(x).transpose().matmul(x);
      expect(() =>
        step
          .borrow(x)
          .transpose()
          .gather(step.tensor([7], undefined, 'int32'), 0),
      ).toThrow(/gather/);
    }
    expect(backend.stats()).toEqual(before);
  });

  it('grows while earlier tensors stay as they are', async () => {
    const [t] = await opened();
    const early = t.arange(1000);
    const late = Array.from({ length: 20 }, (_, i) => t.full([300_000], i));
    expect(t.dataSync(early)[999]).toBe(999);
    expect(late.map((x) => t.dataSync(x)[299_999])).toEqual(late.map((_, i) => i));
  });
});

describe('numbers at the edge', () => {
  it('a length of few tiny numbers among stretches of zeros is not 0', async () => {
    const [t] = await opened();
    const few = new Float64Array(9000);
    few[8999] = 3e-200;
    expect(t.dataSync(t.tensor(few, [9000], 'float64').norm())[0]).toBe(3e-200);
    few.fill(1e-170, 0, 4);
    expect(t.dataSync(t.tensor(few, [9000], 'float64').norm())[0]).toBe(2e-170);
    few[1] = Number.POSITIVE_INFINITY;
    expect(t.dataSync(t.tensor(few, [9000], 'float64').norm())[0]).toBe(Number.POSITIVE_INFINITY);
  });

  it('what int32 cannot hold wraps as in JavaScript', async () => {
    const [t] = await opened();
    const numbers = [9.3e18, -9.3e18, 1e19, 2 ** 84, 2 ** 31, -(2 ** 63), 1e308, Number.NaN, Number.POSITIVE_INFINITY];
    const cast = t.tensor(numbers, [numbers.length], 'float64').astype('int32');
    expect([...t.dataSync(cast)]).toEqual(numbers.map((number) => number | 0));
  });
});

describe('what it is opened with', () => {
  it.each([
    [{ threads: 0 }, 'threads 0'],
    [{ threads: 1.5 }, 'threads 1.5'],
    [{ memory: 10 }, 'memory 10'],
    [{ patience: 0 }, 'patience 0'],
    [{ largestChunk: 0 }, 'largestChunk 0'],
    [{ simd: 'fast' as 'plain' }, 'simd fast'],
  ])('%j is refused', async (options, received) => {
    await expect(wasm(options)).rejects.toThrow(UsageError);
    await expect(wasm(options)).rejects.toThrow(received);
  });

  it('never takes more memory than it was given', async () => {
    const [t, backend] = await opened({ memory: 2 ** 20 + 100, threads: 2 });
    expect(() => {
      for (;;) t.ones([10_000]);
    }).toThrow(DeviceError);
    expect(backend.reserved()).toBeLessThanOrEqual(2 ** 20 + 100);
  });

  it('says which SIMD and how many threads it runs on', async () => {
    expect((await opened({ simd: 'relaxed', threads: 2 }))[1].device).toMatchObject({ mode: 'relaxed', threads: 2 });
    expect((await opened({ simd: 'plain' }))[1].device).toMatchObject({ mode: 'plain', threads: 1, notes: [] });
  });

  it('without SharedArrayBuffer takes one thread and says so, and refuses more', async () => {
    vi.stubGlobal('SharedArrayBuffer', undefined);
    const backend = await wasm();
    open.push(backend);
    expect(backend.device).toMatchObject({ threads: 1, notes: [expect.stringContaining('no SharedArrayBuffer')] });
    await expect(wasm({ threads: 2 })).rejects.toThrow(DeviceError);
  });

  it('is refused where there is no WebAssembly', async () => {
    vi.stubGlobal('WebAssembly', undefined);
    await expect(wasm()).rejects.toThrow(/without WebAssembly SIMD/);
  });
});

it('starts its threads in a process that runs text as a module', () => {
  const program = `
    const { wasm } = await import(${JSON.stringify(new URL('./index.ts', import.meta.url).href)});
    const backend = await wasm({ threads: 2 });
    console.log(backend.device.threads);
    await backend.dispose();`;
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { encoding: 'utf8' },
  );
  expect({ stdout, stderr }).toEqual({ stdout: '2\n', stderr: '' });
});

it('refuses every call once it is disposed', async () => {
  const [t, backend] = await opened({ threads: 2 });
  const x = t.ones([3]);
  await backend.dispose();
  expect(() => x.add(1)).toThrow(/disposed/);
  expect(() => t.dataSync(x)).toThrow(/disposed/);
  await expect(backend.flush()).rejects.toThrow(/disposed/);
});
