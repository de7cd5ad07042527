import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { type Chart, chart } from './chart.ts';
import type { DeviceName } from './devices.ts';
import type { Measured, Request } from './measure.ts';
import { parseOptions } from './options.ts';
import { inFreshProcesses } from './processes.ts';
import { type Profile, profileTable } from './profile.ts';
import { startup } from './startup.ts';
import { type Failed, table } from './table.ts';
import { workOf } from './work.ts';

/** npm run bench -- --only matmul --modes wasm-1,wasm --sizes 256,512 --samples 20 --node PATH --json FILE: see README.md */

const options = parseOptions(process.argv.slice(2));
const { samples, seed, threads, against } = options;
if (options.startup) {
  console.log(`Node ${options.node.version}\n\n${startup(options.node.path, samples)}`);
  process.exit(0);
}
const node = options.browser ? process.version : options.node.version;
const runs = options.browser
  ? await (await import('./browser.ts')).inFreshBrowsers()
  : await inFreshProcesses(options.node.path);

const measured: Measured[] = [];
const skipped: { readonly mode: string; readonly reason: string }[] = [];
const failed: Failed[] = [];
const profiles: Profile[] = [];

try {
  const present: DeviceName[] = [];
  for (const device of options.modes) {
    const { result, error } = await runs.run<{ name: string }>('probe', JSON.stringify({ device, threads }));
    if (result) present.push(device);
    else skipped.push({ mode: device, reason: error! });
    console.error(result ? `${device}: ${result.name}` : `${device}: skipped, ${error}`);
  }

  const { items, leftOut } = workOf(options, present);
  for (const { of, size, device } of leftOut)
    console.error(`${of.title(size)}, ${device}: left out, as it takes minutes; --sizes ${size} runs it`);
  console.error(`${items.length} cases in the order of --seed ${seed}, at least ${samples} samples each`);

  for (const [i, { of, size, device }] of items.entries()) {
    const request: Request = { name: of.name, size, device, threads, samples, seed, against };
    const label = `[${i + 1}/${items.length}] ${of.title(size)}, ${device}`;
    if (options.profile) {
      const { result, error } = await runs.run<Profile>('profile', JSON.stringify(request));
      if (result) profiles.push(result);
      else failed.push({ case: of.name, size, mode: device, error: error! });
      console.error(`${label}: ${result ? `${result.whole.toPrecision(3)} ms` : error}`);
      continue;
    }
    const { result, error } = await runs.run<Measured>('measure', JSON.stringify(request));
    if (result) measured.push(result);
    else failed.push({ case: of.name, size, mode: device, error: error! });
    console.error(`${label}: ${result ? `${result.omoe.median.toPrecision(3)} ms` : error}`);
  }
} finally {
  await runs.close();
}

// The order of the tables is that of cases, sizes and devices again.
const place = ({ name, size, device }: Measured) => {
  const c = options.cases.findIndex((of) => of.name === name);
  const s = (options.sizes ?? options.cases[c].sizes).indexOf(size);
  return (c * 1000 + s) * 1000 + options.modes.indexOf(device);
};
measured.sort((a, b) => place(a) - place(b));

const report = {
  schema: 'omoe.bench/2',
  date: new Date().toISOString(),
  node,
  place: options.browser ? 'Chromium' : 'Node',
  platform: `${process.platform} ${process.arch}`,
  processor: cpus()[0]?.model ?? 'unknown',
  cores: cpus().length,
  ...{ samples, seed, measured, skipped, failed },
  ...(options.profile ? { profiles } : {}),
};

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written: ${file}`);
}
console.log([table(report), ...profiles.map(profileTable)].join('\n\n'));
if (options.json) write(options.json, `${JSON.stringify(report, null, 2)}\n`);
if (measured.length > 0) {
  const title = `omoe, ${report.place === 'Node' ? `Node ${node}` : report.place}, ${report.cores} × ${report.processor}`;
  const rows: Chart['rows'] = measured.map(({ title: row, device, omoe }) => ({ row, series: device, time: omoe }));
  write(options.svg, chart({ title, unit: 'milliseconds a call', rows }));
}
process.exitCode = failed.length > 0 ? 1 : 0;
