import { createRequire } from 'node:module';

/** Why the tests of this folder do not run, or null where they can: TensorFlow.js is installed here only, by hand. */
export function missing(): string | null {
  try {
    createRequire(import.meta.url).resolve('@tensorflow/tfjs-core');
    return null;
  } catch {
    return 'TensorFlow.js is not installed: run `npm ci` in property-tests/examples/tfjs';
  }
}
