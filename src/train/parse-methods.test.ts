import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { methodTable } from '../optim/methods.ts';
import { omoeDefaults } from '../optim/options.ts';
import { parseMethods } from './parse-methods.ts';

describe('parseMethods', () => {
  it('spells out what each id stands for', () => {
    const [adamw, omoe, paper, own] = parseMethods('adamw,omoe,omoe-paper,own-span');
    expect(adamw.omoe).toBeNull();
    expect(omoe.omoe).toEqual(omoeDefaults);
    expect(paper.omoe).toMatchObject({
      side: 'input',
      combine: 'mean',
      form: 'recursion',
      project: 'gradient',
      renorm: false,
    });
    expect(own.omoe).toMatchObject({ columns: 'own', side: 'output', renorm: true });
  });

  it('lets an item with "=" continue the method before it', () => {
    const methods = parseMethods('omoe:side=input,combine=hard,alpha=1e-2,adamw');
    expect(methods.map(({ name }) => name)).toEqual(['omoe:side=input,combine=hard,alpha=1e-2', 'adamw']);
    expect(methods[0].omoe).toEqual({ ...omoeDefaults, side: 'input', combine: 'hard', alpha: 0.01 });
  });

  it('puts defaults below the table and the table below the written options', () => {
    const [paper, long] = parseMethods('omoe-paper,omoe:accumulateSteps=7', { accumulateSteps: 25, side: 'output' });
    expect(paper.omoe).toMatchObject({ accumulateSteps: 25, side: 'input' });
    expect(long.omoe).toMatchObject({ accumulateSteps: 7, side: 'output' });
  });

  it('reads booleans, and spaces around commas', () => {
    const [omoe, adamw] = parseMethods(' omoe:renorm=false , adamw ');
    expect(omoe.omoe?.renorm).toBe(false);
    expect(adamw.name).toBe('adamw');
  });

  it.each([
    ['', 'method names'],
    ['omoe,,adamw', 'method names'],
    ['omoe,', 'method names'],
    ['side=input,omoe', 'a method name before its options'],
    ['omoe,side=input', 'a colon before the first option'],
    ['omoe:', 'name=value'],
    ['omoe:=3', 'name=value'],
    ['omoe-hrad', 'omoe-hard'],
    ['omoe:sied=input', 'Did you mean "side"?'],
    ['omoe:side=left', 'input, output, update'],
    ['omoe:alpha=0', 'above 0'],
    ['omoe:alpha=', 'above 0'],
    ['omoe:alpha=0x10', 'above 0'],
    ['omoe:alpha=1e999', 'above 0'],
    ['omoe:energy=1.5', 'at most 1'],
    ['omoe:forgetting=0', 'above 0'],
    ['omoe:accumulateSteps=2.5', 'integer'],
    ['omoe:sketch=-1', 'at least 0'],
    ['omoe:renorm=yes', 'true or false'],
    ['omoe:alpha=1,alpha=2', 'each option once'],
    ['omoe:constructor=1', 'one of accumulateSteps'],
    ['adamw:alpha=1', 'without options'],
    ['adamw,omoe,adamw', 'each method once'],
    ['omoe:accumulateSteps=0', 'accumulating step'],
    ['omoe:accumulateSteps=0,orthogonalSteps=0', 'a cycle of at least one step'],
    ['omoe-paper:forgetting=0.9', 'qr or closed'],
  ])('refuses %j', (text, part) => {
    expect(() => parseMethods(text)).toThrow(UsageError);
    expect(() => parseMethods(text)).toThrow(part);
  });

  it('never throws anything but a UsageError, whatever is written', () => {
    const word = fc.constantFrom('omoe', 'adamw', 'side', 'input', ':', ',', '=', ' ', '1', '__proto__', 'alpha', 'é');
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join('')),
        ),
        (text) => {
          try {
            expect(parseMethods(text).length).toBeGreaterThan(0);
          } catch (error) {
            expect(error).toBeInstanceOf(UsageError);
          }
        },
      ),
    );
  });

  it('writes names that read back to the same method', () => {
    const ids = methodTable.filter(({ options }) => options !== null).map(({ id }) => id);
    const options = fc.record(
      { alpha: fc.double({ min: 1e-6, max: 10, noNaN: true }), sketch: fc.nat(100), renorm: fc.boolean() },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(fc.constantFrom(...ids), options, (id, chosen) => {
        const written = Object.entries(chosen).map(([name, value]) => `${name}=${value}`);
        const text = written.length === 0 ? id : `${id}:${written.join(',')}`;
        const [method] = parseMethods(text);
        expect(method.omoe).toMatchObject(chosen);
        expect(parseMethods(method.name)).toEqual([method]);
      }),
    );
  });
});
