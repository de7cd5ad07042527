import { afterAll, describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../../src/engine.ts';
import { ClaimFailed } from '../kit/method.ts';
import { LawBroken } from '../kit/settings.ts';
import { settingsOf } from '../method-runner.ts';
import { faults } from './method.faults.ts';

/** The laws of the method tested: each deliberate mistake has to be caught by one of them, in as many draws as they get by default. */
describe('every fault of the method is caught', () => {
  const caught: string[] = [];
  for (const { name, method, laws } of faults)
    it(name, async () => {
      const found: string[] = [];
      for (const law of laws) {
        const subject = { t: engine(cpu(), { dtype: 'float64' }), method };
        try {
          await law.hold(subject, { ...settingsOf(30), path: undefined, shrink: false });
        } catch (broken) {
          // A crash catches nothing: the law has to have compared, and found a difference.
          if (!(broken instanceof LawBroken && broken.cause instanceof ClaimFailed)) throw broken;
          found.push(broken.law);
          break;
        }
      }
      caught.push(`${name.padEnd(45)} caught by  ${found[0] ?? 'nothing'}`);
      expect(found, `no law caught "${name}"`).not.toEqual([]);
    });
  afterAll(() => {
    process.stdout.write(`${caught.join('\n')}\n`);
  });
});
