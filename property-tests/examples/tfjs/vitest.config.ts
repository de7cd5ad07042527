import { defineConfig } from 'vitest/config';

// Run from this folder, `omoe` is the package as it was built; run from the root, it is the sources.
export default defineConfig({ test: { testTimeout: 120_000 } });
