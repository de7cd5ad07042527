import { afterAll, describe, expect, it } from 'vitest';
import { LawBroken, type Settings, type Subject } from '../kit/settings.ts';
import { lawsFor } from '../laws/index.ts';
import { settingsFor } from '../vitest-suite.ts';
import type { Fault } from './faulty-engine.ts';
import { faults } from './operations.faults.ts';

/** The laws can fail: each deliberate fault is caught by the law it was made for, within the default number of draws. */

const settings: Settings = { ...settingsFor('property-tests/meta/operations.test.ts'), shrink: false };

const lawsAbout = ({ operation }: Fault, subject: Subject) =>
  lawsFor(subject).filter(({ name }) =>
    operation === 'storage' ? name.startsWith('storage') : name.endsWith(`: ${operation}`),
  );

async function lawsBrokenBy(fault: Fault): Promise<string[]> {
  const subject: Subject = { name: 'faulty cpu', dtype: fault.dtype, engine: (options) => fault.engine(options) };
  const broken: string[] = [];
  for (const law of lawsAbout(fault, subject)) {
    try {
      await law.hold(subject, settings);
    } catch (error) {
      if (!(error instanceof LawBroken)) throw error;
      broken.push(law.name);
    }
  }
  return broken;
}

describe('deliberate faults are caught', () => {
  const lines: string[] = [];
  for (const fault of faults)
    it(fault.name, async () => {
      const broken = await lawsBrokenBy(fault);
      lines.push(`${fault.name}\n    ${broken.length === 0 ? 'NOT CAUGHT' : broken.join('\n    ')}`);
      const expected = fault.operation === 'storage' ? fault.caughtBy : `${fault.caughtBy}: ${fault.operation}`;
      expect(broken).toContain(expected);
    });
  afterAll(() => console.info(`which law caught which fault\n${lines.join('\n')}`));
});

it('a failure is seen again from its seed and path', async () => {
  const [fault] = faults.filter(({ name }) => name === 'topK breaks ties to the highest index');
  const subject: Subject = { name: 'faulty cpu', dtype: fault.dtype, engine: (options) => fault.engine(options) };
  const [law] = lawsAbout(fault, subject);
  const failure = async (again: Partial<Settings>) => {
    let found: Partial<Settings> = {};
    const replay = (_: string, seed: number, path: string) => {
      found = { seed, path };
      return 'the same';
    };
    const broken: unknown = await law.hold(subject, { ...settings, shrink: true, ...again, replay }).catch((e) => e);
    return { found, counterexample: ((broken as LawBroken).cause as Error).message };
  };
  const first = await failure({});
  expect((await failure(first.found)).counterexample).toBe(first.counterexample);
});
