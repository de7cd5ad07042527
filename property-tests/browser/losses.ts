import { runJob } from './jobs.ts';
import type { LossReport } from './pages/losses.ts';
import { brief, messageOf, type Suite } from './suite.ts';

/** A device that is lost is a DeviceError at once and for good; nothing trains on. */
export const losses: Suite = async ({ browser, root, settings: { modes } }) => {
  const failed: string[] = [];
  for (const mode of modes) {
    const query = { job: 'lose', backend: 'gpujs', mode };
    try {
      const reports = await runJob<LossReport[]>(browser, { root: await root('vite'), query, seconds: 120 });
      for (const { moment, after } of reports) {
        const wrong = after.filter(([, outcome]) => !outcome.startsWith('DeviceError: '));
        console.log(`${wrong.length ? 'FAILED' : 'ok    '}  ${mode.padEnd(8)}lost ${moment}: ${brief(after[0][1])}`);
        for (const [what, outcome] of wrong) failed.push(`${mode}, lost ${moment}: ${what}: ${outcome}`);
      }
    } catch (error) {
      console.log(`FAILED  ${mode.padEnd(8)}${brief(messageOf(error))}`);
      failed.push(`${mode}: ${messageOf(error)}`);
    }
  }
  return failed;
};
