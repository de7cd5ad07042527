import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Whom omoe is compared with: how each is started, and how one gets it where it is not there. */
export interface Library {
  readonly name: string;
  /** Null where it can be started. */
  absent(): string | null;
  command(threads: number): readonly [string, readonly string[]];
}

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
export const install = 'npm ci --ignore-scripts --prefix bench/peers';

const npmLibrary = (name: string, file: string, folder: string, node: string): Library => ({
  name,
  absent: () =>
    existsSync(here(`node_modules/${folder}/package.json`)) ? null : `not installed; ${install} installs it`,
  command: () => [node, [here(file)]],
});

export const libraries = (node: string, python: string): readonly Library[] => [
  npmLibrary('jax-js', 'jax-js.mjs', '@jax-js/jax', node),
  npmLibrary('tfjs', 'tfjs.mjs', '@tensorflow/tfjs-backend-wasm', node),
  npmLibrary('onnxruntime-web', 'onnx.mjs', 'onnxruntime-web', node),
  {
    name: 'pytorch',
    absent() {
      try {
        execFileSync(python, ['-c', 'import torch, numpy'], { stdio: 'pipe' });
        return null;
      } catch {
        return `${python} cannot import torch; apt-get install python3-torch libopenblas0-pthread, or --python PATH`;
      }
    },
    command: (threads) => [python, [here('torch_peer.py'), String(threads)]],
  },
];
