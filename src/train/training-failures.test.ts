import { expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { OmoeError } from '../errors.ts';
import { failingFiles } from '../io/failing-files.fixture.ts';
import { openStore } from '../io/index.ts';
import { memoryFiles } from '../io/memory.ts';
import { carryOn, runOn, smallPlan, smallTask, traces } from './training.fixture.ts';

/**
 * The n-th call to the file system fails, for every n of a whole training: the disk stays full from there on, or the process
 * is gone. Taken up again on a disk that works, the training ends in the bytes of one that nothing happened to.
 */

const t = engine(cpu());
const plan = smallPlan({ method: 'adamw', steps: '2', saveEvery: '1', batch: '1', accumulate: '1' });
const task = { ...smallTask(), dev: smallTask().dev.slice(0, 1) };

it.each(['always', 'crash'] as const)('survives the failure of every call, then %s', async (mode) => {
  const healthy = failingFiles(memoryFiles());
  const whole = await runOn(healthy);
  await carryOn(t, plan, whole, { task });
  const expected = await traces(whole);
  const beforeTraces = healthy.log.findLastIndex((line) => line.startsWith('syncFolder')) + 1;
  expect(beforeTraces).toBeGreaterThan(30);

  for (let call = 1; call <= beforeTraces; call++) {
    const files = memoryFiles();
    const broken = failingFiles(files, { call, code: 'ENOSPC', mode });
    const error = await (async () => {
      const store = await openStore({ files: broken, folder: '/checkpoints', processes: null });
      await carryOn(t, plan, { ...(await runOn(files)), files: broken, store }, { task });
    })().catch((thrown: unknown) => thrown);
    // What fails behind the last checkpoint, as the metrics of a finished training, is told as well.
    expect(error, `call ${call}: ${healthy.log[call - 1]}`).toBeInstanceOf(OmoeError);
    expect((error as Error).message, `call ${call}`).toContain('ENOSPC');
    const again = await runOn(files);
    await carryOn(t, plan, again, { task });
    expect(await traces(again), `call ${call}: ${healthy.log[call - 1]}`).toEqual(expected);
  }
});
