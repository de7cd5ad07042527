import { type DeviceName, measure, openDevice, type Request } from './measure.ts';
import { plainSampler } from './sample.ts';

/** The page's side of bench/browser.ts. */
const tasks = {
  probe: async (text: string) => (await openDevice(text as DeviceName)).device,
  measure: (text: string) => measure(JSON.parse(text) as Request, plainSampler),
};
Object.assign(globalThis, { bench: (task: keyof typeof tasks, text: string) => tasks[task](text) });
