import type { Task } from './runs.ts';
import { plainSampler } from './sample.ts';
import { answers } from './tasks.ts';

/** The page's side of bench/browser.ts. */
const tasks = answers(plainSampler);
Object.assign(globalThis, { bench: (task: Task, text: string) => tasks[task](text) });
