import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runJob } from './jobs.ts';
import type { ConformanceReport, LawLine } from './pages/conform.ts';
import { brief, messageOf, requestOf, type Suite } from './suite.ts';

/** The conformance kit inside the browser. */
export const conformance: Suite = async ({ browser, root, settings: { conformanceModes, runs, seconds, reports } }) => {
  const failed: string[] = [];
  for (const mode of conformanceModes) {
    const request = requestOf(mode);
    const query = { job: 'conform', ...request, count: String(runs) };
    let reached = 'before the first law';
    try {
      const report = await runJob<ConformanceReport>(browser, {
        root: await root('vite'),
        query,
        seconds,
        watch: async ({ page }) => {
          reached = await page.evaluate(() => {
            const laws = Reflect.get(globalThis, 'laws') as { readonly law: string }[] | undefined;
            return laws?.length
              ? `after ${laws.length} laws, the last of them ${laws[laws.length - 1].law}`
              : 'at the first law';
          });
        },
      });
      if (reports) {
        await mkdir(reports, { recursive: true });
        await writeFile(
          join(reports, `${request.backend}-${request.mode}.json`),
          JSON.stringify(report.document, null, 2),
        );
      }
      console.log(`${mode}: ${report.renderer}`);
      console.log(table(report));
      failed.push(...faultsOf(report).map((fault) => `${mode}: ${fault}`));
    } catch (error) {
      console.log(`FAILED  ${mode} ${reached}: ${brief(messageOf(error))}`);
      failed.push(`${mode}, ${reached}: ${messageOf(error)}`);
    }
  }
  return failed;
};

function faultsOf({ laws, needlessSkips, passed }: ConformanceReport): string[] {
  const faults = laws.filter(({ outcome }) => outcome === 'fail').map(({ law, text }) => `${law}: ${text}`);
  faults.push(...needlessSkips.map((skip) => `the skip '${skip}' is no longer needed`));
  if (!passed && faults.length === 0) faults.push('the report says that it did not pass');
  if (laws.length === 0) faults.push('no law ran');
  return faults;
}

/** A line a section, then a line for what failed and for why the rest was not asked. */
function table({ laws, bounds }: ConformanceReport): string {
  const lines = [
    `${'section'.padEnd(40)}${['laws', 'pass', 'fail', 'skip', 'seconds'].map((h) => h.padStart(9)).join('')}`,
  ];
  const row = (name: string, of: readonly LawLine[]): string => {
    const having = (outcome: LawLine['outcome']) => of.filter((law) => law.outcome === outcome).length;
    const seconds = of.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
    const cells = [of.length, having('pass'), having('fail'), having('skip'), seconds.toFixed(1)];
    return `${name.padEnd(40)}${cells.map((cell) => String(cell).padStart(9)).join('')}`;
  };
  for (const section of new Set(laws.map((law) => law.section)))
    lines.push(
      row(
        section,
        laws.filter((law) => law.section === section),
      ),
    );
  lines.push(row('all', laws));
  lines.push(mostUsed(bounds));
  const skipped = laws.filter(({ outcome }) => outcome === 'skip').map(({ text }) => text);
  for (const reason of new Set(skipped))
    lines.push(`skipped  ${skipped.filter((each) => each === reason).length} laws: ${reason}`);
  for (const { law, text } of laws.filter(({ outcome }) => outcome === 'fail'))
    lines.push(`FAILED   ${law}: ${brief(text)}`);
  return lines.join('\n');
}

/** A bound that is never approached says nothing, and one that is passed is a failure. */
function mostUsed(bounds: ConformanceReport['bounds']): string {
  const shares = bounds.flatMap(({ operation, used }) =>
    Object.entries(used).map(([law, share]) => ({ share: share ?? 0, text: `${operation}, ${law}` })),
  );
  const most = shares.sort((a, b) => b.share - a.share).slice(0, 3);
  return `nearest to their bounds: ${most.map(({ share, text }) => `${text} (${share.toFixed(2)})`).join('; ')}`;
}
