import { type DeviceName, openDevice } from './devices.ts';
import { measure, type Request } from './measure.ts';
import { profile } from './profile.ts';
import type { Task } from './runs.ts';
import type { Sampler } from './sample.ts';

/** What the place where a case runs can be asked for; the answer is plain data. */
export const answers = (sampler: Sampler): Readonly<Record<Task, (text: string) => Promise<object>>> => ({
  async probe(text) {
    const { device, threads } = JSON.parse(text) as { device: DeviceName; threads: number };
    return (await openDevice(device, threads)).device;
  },
  measure: (text) => measure(JSON.parse(text) as Request, sampler),
  profile: (text) => profile(JSON.parse(text) as Request),
});
