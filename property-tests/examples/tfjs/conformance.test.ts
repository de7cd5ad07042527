import { conformance } from 'omoe/conformance';
import { afterAll, describe, it } from 'vitest';
import { missing } from './installed.ts';

/** Every required law, and those that the backend promises, on TensorFlow.js. README.md lists what was found on the way. */
const reason = missing();
if (reason) describe.skip('conformance of tfjs', () => it(reason, async () => {}));
else
  conformance({
    name: 'tfjs',
    create: async () => (await import('./index.ts')).tfjs(),
    ...{ describe, it, afterAll },
  });
