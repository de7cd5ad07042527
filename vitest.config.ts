import { defineConfig } from 'vitest/config';

const here = (path: string) => new URL(path, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    // Tests import the public names; they resolve to the sources, so that no build is needed first.
    alias: [
      { find: /^omoe\/backends\/(.*)$/, replacement: here('./backends/$1/index.ts') },
      { find: /^omoe\/spec$/, replacement: here('./spec/index.ts') },
      { find: /^omoe\/conformance$/, replacement: here('./property-tests/index.ts') },
      { find: /^omoe\/backend$/, replacement: here('./src/backend.ts') },
      { find: /^omoe\/optim\/arrays$/, replacement: here('./src/optim/arrays.ts') },
      { find: /^omoe\/io\/node$/, replacement: here('./src/io/node.ts') },
      { find: /^omoe\/(.*)$/, replacement: here('./src/$1/index.ts') },
      { find: /^omoe$/, replacement: here('./src/index.ts') },
    ],
  },
  test: {
    include: [
      'src/**/*.test.ts',
      'backends/**/*.test.ts',
      'spec/**/*.test.ts',
      'property-tests/**/*.test.ts',
      'docs/**/*.test.ts',
      'bench/**/*.test.ts',
    ],
    setupFiles: ['vitest.setup.ts'],
    pool: 'forks',
    // Vitest leaves one processor free by default, which on two of them means one file after the other.
    maxWorkers: '100%',
    testTimeout: 120_000,
    // The kit's report compiles what no test of the run has asked for yet.
    hookTimeout: 300_000,
  },
});
