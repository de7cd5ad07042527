/**
 * The browser side of the tests: `tsx property-tests/browser/main.ts [suite …]`, all suites if none is named.
 * Ends with 1 if anything failed. Where there is no Chromium, what needs one is skipped with the reason, or is a failure if
 * OMOE_BROWSER=required. README.md names the other settings.
 */
import { type Built, buildWithEsbuild, buildWithVite, servePlain } from './bundles.ts';
import { findChromium, launchChromium } from './chromium.ts';
import { conformance } from './conformance.ts';
import { type Consumer, createConsumer } from './consumer.ts';
import { exports } from './exports.ts';
import { losses } from './losses.ts';
import { memory } from './memory.ts';
import { messageOf, type Suite, settingsFromEnvironment } from './suite.ts';
import { pages } from './trainings.ts';

const inBrowser: Readonly<Record<string, Suite>> = { pages, losses, memory, conformance };
const names = ['exports', ...Object.keys(inBrowser)];

const failures: string[] = [];
let skipped = '';

async function timed(name: string, run: () => Promise<string[]>): Promise<void> {
  const begun = performance.now();
  console.log(`\n--- browser: ${name}`);
  try {
    failures.push(...(await run()).map((line) => `${name}: ${line}`));
  } catch (error) {
    failures.push(`${name}: ${messageOf(error)}`);
  }
  console.log(`--- browser: ${name}: ${((performance.now() - begun) / 1000).toFixed(0)} s`);
}

async function runInBrowser(path: string, suites: readonly string[], consumer: Consumer): Promise<void> {
  const settings = settingsFromEnvironment();
  const builders = { vite: buildWithVite, esbuild: buildWithEsbuild, plain: servePlain };
  const built = new Map<Built, Promise<string>>();
  const root = (way: Built): Promise<string> => {
    if (!built.has(way)) built.set(way, builders[way](consumer));
    return built.get(way)!;
  };
  const browser = await launchChromium(path);
  try {
    console.log(`Chromium ${browser.version()}`);
    for (const name of suites) await timed(name, () => inBrowser[name]({ consumer, browser, root, settings }));
  } finally {
    await browser.close();
  }
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !names.includes(name));
if (unknown.length > 0) throw new Error(`no suite ${unknown.join(', ')}; there are ${names.join(', ')}`);
const wanted = asked.length > 0 ? asked : names;

const consumer = await createConsumer();
try {
  if (wanted.includes('exports')) await timed('exports', () => exports({ consumer }));
  const suites = Object.keys(inBrowser).filter((name) => wanted.includes(name));
  const chromium = findChromium();
  if (suites.length > 0 && 'path' in chromium) await runInBrowser(chromium.path, suites, consumer);
  else if (suites.length > 0 && 'absent' in chromium) {
    skipped = `; skipped: ${suites.join(', ')}: ${chromium.absent}`;
    if (process.env.OMOE_BROWSER === 'required') failures.push(chromium.absent);
  }
} finally {
  await consumer.remove();
}
for (const line of failures) console.log(`FAILED  ${line}`);
console.log(`\nbrowser: ${failures.length === 0 ? 'passed' : `${failures.length} failures`}${skipped}`);
process.exitCode = failures.length === 0 ? 0 : 1;
