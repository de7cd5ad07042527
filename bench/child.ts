import benny from 'benny';
import { type DeviceName, measure, openDevice, type Request } from './measure.ts';
import type { Sampler } from './sample.ts';

/** A fresh process: opens a device and says what it is, or measures one case. Answers by a message to its parent. */

const bennySampler: Sampler = {
  name: 'benny 3.7.1',
  async sample(variants, rounds) {
    const results: number[][][] = variants.map(() => []);
    for (let round = 0; round < rounds; round++) {
      const { results: cases } = await benny.suite(
        `round ${round}`,
        ...variants.map((run, i) => benny.add(String(i), () => run, { minSamples: 3, maxTime: 0.2, initCount: 1 })),
      );
      cases.forEach(({ details }, i) => {
        results[i].push(details.sampleResults.map((seconds) => seconds * 1000));
      });
    }
    return results;
  },
};

const [task, text] = process.argv.slice(2);
const answer = async (): Promise<object> => {
  if (task === 'measure') return measure(JSON.parse(text) as Request, bennySampler);
  const { device } = await openDevice(text as DeviceName);
  return device;
};
answer().then(
  (result) => process.send!({ result }, () => process.exit(0)),
  (error: unknown) =>
    process.send!({ error: error instanceof Error ? error.message : String(error) }, () => process.exit(0)),
);
