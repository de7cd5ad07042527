import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';

/**
 * `npm run docs`: runs the conformance kit on the backends named, default all that can run in Node here, and writes
 * docs/backends.md from the reports. Files ending in .json are taken as reports that were made elsewhere, such as in a browser.
 */

const named = process.argv.slice(2);
/** Compiling kernels makes a draw on gpu.js many times as dear; OMOE_RUNS sets the draws of each property. */
const runs = process.env.OMOE_RUNS ? ['--runs', process.env.OMOE_RUNS] : [];
const made = named.filter((name) => name.endsWith('.json'));
const backends = named.filter((name) => !name.endsWith('.json'));
const folder = 'runs/conform';
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const node = (args: readonly string[]) =>
  spawnSync(process.execPath, ['--import', 'tsx', ...args], { encoding: 'utf8', maxBuffer: 2 ** 28 });

const reports: string[] = [];
for (const backend of backends.length > 0
  ? backends
  : ['cpu', 'wasm:plain', 'wasm:relaxed', 'gpujs:headlessgl', 'gpujs:webasm', 'gpujs:cpu']) {
  const { stdout, stderr } = node(['src/cli/main.ts', 'conform', '--backend', backend, ...runs, '--json', '--quiet']);
  const path = `${folder}/${backend.replace(':', '-')}.json`;
  if (!stdout.includes('"schema": "omoe.conform/1"')) {
    console.error(`left out: ${backend}: ${stderr.trim()}`);
    continue;
  }
  writeFileSync(path, stdout);
  reports.push(path);
}
const written = node(['docs/capabilities.ts', ...reports, ...made]);
process.stderr.write(written.stderr);
process.exitCode = written.status ?? 1;
