import { describe, expect, it } from 'vitest';
import { UsageError } from '../errors.ts';
import { didYouMean, nearestName } from '../nearest.ts';
import { methodTable, optionNames, validateOmoeOptions } from './methods.ts';
import { omoeDefaults } from './options.ts';

describe('the method table', () => {
  it('has the published ids, in their order, each with a meaning and valid options', () => {
    expect(methodTable.map(({ id }) => id)).toEqual([
      'adamw',
      'omoe',
      'omoe-paper',
      'omoe-span',
      'omoe-hard',
      'omoe-input',
      'omoe-update',
      'norm-matched',
      'rotated',
      'own-span',
      'shared-span',
    ]);
    for (const { meaning, options } of methodTable) {
      expect(meaning.length).toBeGreaterThan(10);
      if (options !== null) expect(() => validateOmoeOptions(options)).not.toThrow();
    }
  });
});

describe('validateOmoeOptions', () => {
  it('gives the defaults for nothing, and treats undefined as left out', () => {
    expect(validateOmoeOptions()).toEqual(omoeDefaults);
    expect(validateOmoeOptions({ alpha: undefined })).toEqual(omoeDefaults);
  });

  it('checks every option that OmoeOptions has', () => {
    expect([...optionNames].sort()).toEqual(Object.keys(omoeDefaults).sort());
    for (const name of optionNames) {
      expect(() => validateOmoeOptions({ [name]: Symbol.iterator }), name).toThrow(UsageError);
      expect(() => validateOmoeOptions({ [name]: Number.NaN }), name).toThrow(UsageError);
    }
  });

  it('refuses what is no object', () => {
    expect(() => validateOmoeOptions('omoe' as unknown as object)).toThrow('an object of options');
    expect(() => validateOmoeOptions(null as unknown as object)).toThrow('an object of options');
  });
});

describe('nearestName', () => {
  it('suggests what is near and is silent otherwise', () => {
    expect(nearestName('omoe-spn', ['adamw', 'omoe-span'])).toBe('omoe-span');
    expect(nearestName('zzzzzz', ['adamw', 'omoe-span'])).toBeUndefined();
    expect(didYouMean('ADAMW', ['adamw'])).toBe('Did you mean "adamw"?');
    expect(didYouMean('zzzzzz', ['adamw'])).toBe('');
  });
});
