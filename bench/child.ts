import { bennySampler } from './benny.ts';
import type { Task } from './runs.ts';
import { answers } from './tasks.ts';

/** A fresh process: opens a device and says what it is, or measures one case. Answers by a message to its parent. */
const [task, text] = process.argv.slice(2);
answers(bennySampler)
  [task as Task](text)
  .then(
    (result) => process.send!({ result }, () => process.exit(0)),
    (error: unknown) =>
      process.send!({ error: error instanceof Error ? error.message : String(error) }, () => process.exit(0)),
  );
