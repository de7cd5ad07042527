import type { BackendRequest } from './backends.ts';
import { outcomeOf } from './outcome.ts';
import { trainingReport } from './report.ts';

self.onmessage = async ({ data }: MessageEvent<BackendRequest>) => {
  self.postMessage(await outcomeOf(() => trainingReport(data)));
};
