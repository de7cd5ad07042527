import { afterEach, expect, it, vi } from 'vitest';
import { omoe } from './command.fixture.ts';

afterEach(() => void vi.unstubAllGlobals());

it('says why WebAssembly has one thread where memory cannot be shared', async () => {
  vi.stubGlobal('SharedArrayBuffer', undefined);
  const { code, stdout } = await omoe(['doctor']);
  expect(code).toBe(0);
  for (const mode of ['relaxed', 'plain'])
    expect(stdout).toMatch(
      new RegExp(
        `^wasm:${mode} +yes +WebAssembly SIMD[^,]* {2,}kernels .*; one thread: no SharedArrayBuffer; .*COOP`,
        'm',
      ),
    );
});
