import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import process from 'node:process';

/**
 * `npm run docs`: runs the conformance kit on the backends named, default all that can run here in Node and in Chromium, and writes
 * docs/backends.md from the reports. Files ending in .json are taken as reports that were made elsewhere.
 */

const named = process.argv.slice(2);
/** Compiling kernels makes a draw on gpu.js many times as dear; OMOE_RUNS sets the draws of each property. */
const runs = process.env.OMOE_RUNS ? ['--runs', process.env.OMOE_RUNS] : [];
const made = named.filter((name) => name.endsWith('.json'));
const backends = named.filter((name) => !name.endsWith('.json'));
const folder = 'runs/conform';
rmSync(folder, { recursive: true, force: true });
mkdirSync(folder, { recursive: true });

const node = (args: readonly string[], env: Readonly<Record<string, string>> = {}) =>
  spawnSync(process.execPath, ['--import', 'tsx', ...args], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
    env: { ...process.env, ...env },
  });

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
/** Columns of Chromium, in this order. */
const modes = ['gpujs:webgl', 'gpujs:webgl2', 'gpujs:webgpu', 'wasm:relaxed'];
if (named.length === 0) {
  const inChromium = 'runs/conform-browser';
  rmSync(inChromium, { recursive: true, force: true });
  const { status, stdout, stderr } = node(['property-tests/browser/main.ts', 'conformance'], {
    OMOE_BROWSER: 'required',
    OMOE_BROWSER_CONFORMANCE: modes.map((mode) => mode.replace('gpujs:', '')).join(','),
    OMOE_BROWSER_REPORTS: inChromium,
    OMOE_BROWSER_SECONDS: '1800',
    ...(process.env.OMOE_RUNS ? { OMOE_BROWSER_RUNS: process.env.OMOE_RUNS } : {}),
  });
  if (status !== 0) console.error(`in Chromium: ${stderr.trim()}\n${stdout.trim()}`);
  for (const mode of modes) {
    const path = `${inChromium}/${mode.replace(':', '-')}.json`;
    if (existsSync(path)) reports.push(path);
    else console.error(`left out: ${mode} in Chromium`);
  }
}
const written = node(['docs/capabilities.ts', ...reports, ...made]);
process.stderr.write(written.stderr);
process.exitCode = written.status ?? 1;
