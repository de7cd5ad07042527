import { fork } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { cases } from './cases.ts';
import { type DeviceName, devices, type Measured } from './measure.ts';
import { table } from './table.ts';

/** npm run bench -- --only matmul --modes cpu,webasm --sizes 256,512 --rounds 5 --browser --json FILE */

/** A place where one case runs alone: a fresh process, or a fresh browser. */
export interface Runs {
  run<T>(task: 'probe' | 'measure', text: string): Promise<{ result?: T; error?: string }>;
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    modes: { type: 'string' },
    sizes: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
    browser: { type: 'boolean', default: false },
  },
});

function chosen<T extends string>(option: string, given: string | undefined, among: readonly T[]): readonly T[] {
  const names = given?.split(',') ?? among;
  const unknown = names.find((name) => !(among as readonly string[]).includes(name));
  if (unknown === undefined) return names as readonly T[];
  console.error(`--${option}: received ${unknown}, expected some of ${among.join(', ')}`);
  return process.exit(2);
}

const positive = (option: string, text: string): number => {
  if (Number.isInteger(Number(text)) && Number(text) > 0) return Number(text);
  console.error(`--${option}: received ${text}, expected a whole number above 0`);
  return process.exit(2);
};

const names = chosen(
  'only',
  values.only,
  cases.map(({ name }) => name),
);
const modes = chosen<DeviceName>('modes', values.modes, devices);
const sizes = values.sizes?.split(',').map((size) => positive('sizes', size));
const rounds = positive('rounds', values.rounds);

const inFreshProcesses: Runs = {
  run: <T>(task: string, text: string) =>
    new Promise<{ result?: T; error?: string }>((resolve) => {
      const child = fork(new URL('./child.ts', import.meta.url), [task, text], {
        execArgv: ['--import', 'tsx'],
        stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      });
      child.on('message', (message) => resolve(message as { result?: T; error?: string }));
      child.on('exit', (code, signal) => resolve({ error: `the process ended (${signal ?? code}) without a result` }));
    }),
};
const pages = values.browser ? await (await import('./browser.ts')).inFreshBrowsers() : null;
const runs = pages ?? inFreshProcesses;

const measured: Measured[] = [];
const skipped: { readonly mode: string; readonly reason: string }[] = [];
const failed: { readonly case: string; readonly size: number; readonly mode: string; readonly error: string }[] = [];

const present: DeviceName[] = [];
for (const mode of modes) {
  const { result, error } = await runs.run<{ name: string }>('probe', mode);
  if (result) present.push(mode);
  else skipped.push({ mode, reason: error! });
  console.error(result ? `${mode}: ${result.name}` : `${mode}: skipped, ${error}`);
}

for (const of of cases.filter(({ name }) => names.includes(name)))
  for (const size of sizes ?? of.sizes)
    for (const device of present) {
      const request = { name: of.name, size, device, rounds };
      const { result, error } = await runs.run<Measured>('measure', JSON.stringify(request));
      if (result) measured.push(result);
      else failed.push({ case: of.name, size, mode: device, error: error! });
      console.error(`${of.title(size)}, ${device}: ${result ? `${result.omoe.median.toPrecision(3)} ms` : error}`);
    }

await pages?.close();

const report = {
  schema: 'omoe.bench/1',
  date: new Date().toISOString(),
  node: process.version,
  place: values.browser ? 'Chromium' : 'Node',
  platform: `${process.platform} ${process.arch}`,
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  ...{ rounds, measured, skipped, failed },
};
if (values.json) {
  mkdirSync(dirname(values.json), { recursive: true });
  writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
}
console.log(table(report));
process.exitCode = failed.length > 0 ? 1 : 0;
