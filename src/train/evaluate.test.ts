import { expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { encoderTraining } from './encoder-training.ts';
import { smallPlan, smallTask } from './training.fixture.ts';

it('an evaluation hears a request to stop that comes while it runs', async () => {
  const t = engine(cpu()); // answers at once: nothing but the evaluation itself lets the event loop turn
  const task = { ...smallTask(), dev: Array.from({ length: 60 }, () => smallTask().dev[0]) };
  const training = encoderTraining(smallPlan({ method: 'adamw' }), task);
  const parameters = await training.start(t);
  const stop = new AbortController();
  setTimeout(() => stop.abort());
  expect(await training.evaluate!(t, parameters, stop.signal)).toBeNull();
  expect(await training.evaluate!(t, parameters, undefined)).toEqual({ accuracy: expect.any(Number) });
});
