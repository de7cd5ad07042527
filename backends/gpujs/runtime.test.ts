import { describe, expect, it } from 'vitest';
import { DeviceError, DTypeError, OmoeError } from '../../src/errors.ts';
import { gpujs } from './index.ts';
import { onEveryMode } from './modes.fixture.ts';

const floats = (...values: number[]) => Float32Array.from(values);

onEveryMode((backend, mode) => {
  const { kernels } = backend;
  const view = (buffer: ReturnType<typeof backend.upload>, shape = [buffer.length], strides = [1], offset = 0) => ({
    buffer,
    shape,
    strides,
    offset,
    dtype: buffer.dtype,
  });
  const out = (...shape: number[]) => [{ shape, dtype: 'float32' as const }];
  const noise = (length: number) => Float32Array.from({ length }, (_, i) => ((i * 7919) % 1009) / 64);

  it('says what runs', () => {
    expect(backend.device.mode).toBe(mode);
    expect(backend.device.name).not.toBe('');
  });

  it('brings arrays of changing sizes up and back', async () => {
    for (const length of [1, 3, 10, 1000, 7, 70_001, 2]) {
      const data = noise(length);
      const buffer = backend.upload(data.slice(), 'float32');
      expect(await backend.read(buffer, 0, length)).toEqual(data);
      expect(await backend.read(buffer, length - 1, 1)).toEqual(data.slice(length - 1));
      backend.free(buffer);
    }
  });

  it('counts exactly, constants only where they take memory', async () => {
    const before = backend.stats();
    const [zeros] = kernels.fill([], { value: 0 }, out(1000));
    expect(backend.stats()).toEqual({ buffers: before.buffers + 1, bytes: before.bytes });
    const x = backend.upload(noise(1000), 'float32');
    const [sum] = kernels.binary([view(x), view(zeros)], { kind: 'add' }, out(1000));
    const each = backend.stats().bytes - before.bytes;
    expect(each).toBe(2 * 1000 * (mode === 'headlessgl' ? 16 : 4));
    for (const buffer of [zeros, x, sum, x]) backend.free(buffer);
    expect(backend.stats()).toEqual(before);
  });

  it('gives the memory of buffers that nobody holds back, in time', async () => {
    const held = backend.stats().buffers;
    await (async () => {
      for (let i = 0; i < 20; i++) backend.upload(noise(16), 'float32');
    })();
    const collect = (globalThis as { gc?: () => void }).gc;
    if (!collect) return; // only under --expose-gc
    collect();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(backend.stats().buffers).toBeLessThan(held + 20);
  });

  it('keeps 0 and −0 apart when one constant follows the other', async () => {
    for (const value of [0, -0, 0]) {
      const [buffer] = kernels.fill([], { value }, out(2));
      const [copy] = kernels.binary([view(buffer), view(buffer)], { kind: 'add' }, out(2));
      expect((await backend.read(copy, 0, 1))[0]).toBe(value + value);
      backend.free(buffer);
      backend.free(copy);
    }
  });

  it('finds elements by exact addresses, where positions are no Float32 any more', async () => {
    // 2²⁴ + 4 elements; the last two columns, backwards, by a view of rank 2
    const length = 2 ** 24 + 4;
    const [zeros] = kernels.fill([], { value: 0 }, out(length - 4));
    const tail = backend.upload(floats(1, 2, 3, 4), 'float32');
    const order = backend.upload(
      Int32Array.from({ length: 4 }, (_, i) => i),
      'int32',
    );
    const data = new Float32Array(length);
    data.set([1, 2, 3, 4], length - 4);
    const x = backend.upload(data, 'float32');
    const last = view(x, [2, 2], [-2, -1], length - 1);
    expect(await backend.read(kernels.copy([last], {}, out(2, 2))[0], 0, 4)).toEqual(floats(4, 3, 2, 1));
    const [gathered] = kernels.gather([view(x, [4], [1], length - 4), view(order)], { axis: 0 }, out(4));
    expect(await backend.read(gathered, 0, 4)).toEqual(floats(1, 2, 3, 4));
    const [sums] = kernels.reduce([view(x, [2, 2], [2, 1], length - 4)], { kind: 'sum', axes: [1] }, out(2));
    expect(await backend.read(sums, 0, 2)).toEqual(floats(3, 7));
    for (const buffer of [zeros, tail, order, x, gathered, sums]) backend.free(buffer);
  });

  it('reads the extremes of no whole numbers as the ends of int32', async () => {
    const nothing = backend.upload(new Int32Array(0), 'int32');
    const ends = { max: -(2 ** 31), min: 2 ** 31 - 1 } as const;
    for (const kind of ['max', 'min'] as const) {
      const [end] = kernels.reduce([view(nothing)], { kind, axes: [0] }, [{ shape: [], dtype: 'int32' }]);
      expect(await backend.read(end, 0, 1)).toEqual(Int32Array.of(ends[kind]));
    }
  });

  it('adds up more than a thousand terms, in stretches', async () => {
    const x = backend.upload(new Float32Array(70_000).fill(1), 'float32');
    const [sum] = kernels.reduce([view(x)], { kind: 'sum', axes: [0] }, out());
    expect((await backend.read(sum, 0, 1))[0]).toBe(70_000);
    for (const buffer of [x, sum]) backend.free(buffer);
  });

  it('adds scattered rows in ascending order of position', async () => {
    // Float32 sums depend on the order: 1 + 2⁻²⁴ + 2⁻²⁴ is 1 from the left
    const updates = backend.upload(floats(2 ** -24, 5, 2 ** -24, 7), 'float32');
    const indices = backend.upload(Int32Array.of(2, 0, 2, 0), 'int32');
    const x = backend.upload(floats(1, 1, 1), 'float32');
    const [sum] = kernels.scatterAdd([view(x), view(indices), view(updates)], { axis: 0 }, out(3));
    const computed = await backend.read(sum, 0, 3);
    // in mode cpu a sum is rounded once, when it is stored
    expect(computed).toEqual(floats(13, 1, mode === 'cpu' ? 1 + 2 ** -23 : 1));
    for (const buffer of [updates, indices, x, sum]) backend.free(buffer);
  });

  describe('refuses by name', () => {
    const rejection = async (call: () => unknown): Promise<unknown> =>
      (async () => call())().then(
        () => null,
        (error: unknown) => error,
      );

    it('whole numbers from 2²⁴ on, uploaded or computed', async () => {
      expect(() => backend.upload(Int32Array.of(2 ** 24), 'int32')).toThrow(DTypeError);
      const x = backend.upload(Int32Array.of(1, 2 ** 24 - 1), 'int32');
      const spec = [{ shape: [2], dtype: 'int32' as const }];
      const error = await rejection(() => {
        const [y] = kernels.binary([view(x), view(x)], { kind: 'add' }, spec);
        return backend.read(y, 0, 2);
      });
      expect(error).toBeInstanceOf(DTypeError);
      expect((error as OmoeError).message).toMatch(/add: .*33554430 at position 1/);
      expect(await backend.read(x, 0, 2)).toEqual(Int32Array.of(1, 2 ** 24 - 1));
    });

    it('a product and sums that Float32 rounds, though what comes out looks exact', async () => {
      const up = (...values: number[]) => backend.upload(Int32Array.of(...values), 'int32');
      const spec = (...shape: number[]) => [{ shape, dtype: 'int32' as const }];
      // 97 · 172961 = 2²⁴ + 1; the last two sums end far below 2²⁴, by way of 2²⁴ + 3, which is no Float32
      const back = [2 ** 24 - 1, 4, -9];
      const calls: Record<string, () => ReturnType<typeof up>> = {
        multiply: () => kernels.binary([view(up(97)), view(up(172961))], { kind: 'multiply' }, spec(1))[0],
        sum: () => kernels.reduce([view(up(...back))], { kind: 'sum', axes: [0] }, spec())[0],
        scatterAdd: () =>
          kernels.scatterAdd([view(up(0)), view(up(0, 0, 0)), view(up(...back))], { axis: 0 }, spec(1))[0],
      };
      for (const [name, call] of Object.entries(calls)) {
        const error = await rejection(() => backend.read(call(), 0, 1));
        expect(error, name).toBeInstanceOf(DTypeError);
        expect((error as OmoeError).message).toContain(`${name}: `);
      }
    });

    it('wrong offsets again, where an error before them was the one that was told', async () => {
      const [x, w] = [view(backend.upload(noise(8), 'float32'), [4, 2], [2, 1]), new Float32Array(8).fill(1)];
      const weights = view(backend.upload(w, 'float32'), [2, 2, 2], [4, 2, 1]);
      const [first, second] = [9, 8].map((end) => view(backend.upload(Int32Array.of(0, 3, end), 'int32')));
      const product = (offsets: typeof first) => {
        const result = kernels.groupedMatmul!([x, weights, offsets], {}, out(4, 2));
        if ('declined' in result) throw new Error(result.declined);
        return result[0];
      };
      const both = await rejection(() => {
        const y = product(first);
        product(second);
        return backend.read(y, 0, 8);
      });
      expect((both as OmoeError).message).toMatch(/offset 9 at position 2/);
      if (mode === 'headlessgl') expect((both as OmoeError).message).toMatch(/1 more of the checks/);
      const again = await rejection(() => backend.read(product(second), 0, 8));
      expect((again as OmoeError).message).toMatch(/offset 8 at position 2/);
    });

    it('indices out of range that only the device knows, once', async () => {
      const x = backend.upload(floats(1, 2, 3), 'float32');
      const steps = backend.upload(floats(0, 1, 9, 2), 'float32');
      const error = await rejection(() => {
        const [indices] = kernels.cast([view(steps)], {}, [{ shape: [4], dtype: 'int32' }]);
        const [y] = kernels.gather([view(x), view(indices)], { axis: 0 }, out(4));
        return backend.read(y, 0, 4);
      });
      expect(error).toBeInstanceOf(OmoeError);
      expect((error as OmoeError).message).toMatch(/gather: .*index 9 at position 2.*from 0 to 2/);
      expect(await backend.read(x, 0, 3)).toEqual(floats(1, 2, 3));
    });

    it('buffers beyond the limit, before anything is allocated', () => {
      const { elements } = backend.limits;
      const before = backend.stats();
      expect(() => kernels.fill([], { value: 1 }, out(elements + 1))).toThrow(DeviceError);
      expect(() => kernels.fill([], { value: 1 }, out(elements + 1))).toThrow(String(elements));
      expect(backend.stats()).toEqual(before);
    });

    it('freed buffers', async () => {
      const x = backend.upload(floats(1), 'float32');
      backend.free(x);
      backend.free(x);
      expect(() => kernels.unary([view(x)], { kind: 'exp' }, out(1))).toThrow(/exp: .*freed/);
      await expect(backend.read(x, 0, 1)).rejects.toThrow(/read: .*freed/);
    });
  });
});

describe('gpujs', () => {
  it('never substitutes another mode for the one that was asked for', async () => {
    await expect(gpujs({ mode: 'webgpu' })).rejects.toThrow(/mode: 'webgpu'.*navigator\.gpu/);
    await expect(gpujs({ mode: 'webgl2' })).rejects.toThrow(DeviceError);
  });
  it('says what auto chose, and why not the others', async () => {
    const { device, dispose } = await gpujs();
    expect(device.mode).toBe('webasm');
    expect(device.notes[0]).toMatch(/auto chose webasm \(webgpu: .*webgl2: .*webgl: /);
    await dispose();
  });
  it('refuses a module that is not gpu.js', async () => {
    await expect(gpujs({ module: {} })).rejects.toThrow(/gpu\.js 2\.24/);
  });
  it('refuses everything after it was disposed', async () => {
    const backend = await gpujs({ mode: 'cpu' });
    const x = backend.upload(floats(1), 'float32');
    await backend.dispose();
    expect(() => backend.upload(floats(1), 'float32')).toThrow(/upload: .*disposed/);
    await expect(backend.read(x, 0, 1)).rejects.toThrow(/read: .*disposed/);
    expect(backend.stats()).toEqual({ buffers: 0, bytes: 0 });
    await backend.dispose();
  });
});
