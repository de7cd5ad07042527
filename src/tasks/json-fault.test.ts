import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonFault } from './json-fault.ts';

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

describe('jsonFault', () => {
  it.each<[string, number, number]>([
    ['', 1, 1],
    ['{"a": [1, 2', 1, 12],
    ['{"a": [1, 2,]}', 1, 13],
    ['{"a": 1,}', 1, 9],
    ['[\n {"a": "b"}\n {"a": "c"}\n]', 3, 2],
    ['{\n "a": "b\nc"\n}', 2, 7],
    ['["\\x"]', 1, 2],
    ['{a: 1}', 1, 2],
    ['[1}', 1, 3],
    ['[1] [2]', 1, 5],
    ['01', 1, 2],
    ['[NaN]', 1, 2],
    ['{"a" 1}', 1, 6],
    ['["open, [1]', 1, 2],
  ])('of %j is at %d:%d', (text, line, column) => {
    expect(isJson(text)).toBe(false);
    expect(jsonFault(text)).toEqual({ line, column });
  });

  it('is null exactly where JSON.parse takes the text', () => {
    const damaged = fc
      .tuple(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.nat(3),
        fc.constantFrom('', '"', '{', ']', ',', ':', '\\', '\n', '1', 'x'),
      )
      .map(([json, at, length, put]) => {
        const from = at % (json.length + 1);
        return json.slice(0, from) + put + json.slice(from + length);
      });
    fc.assert(
      fc.property(fc.oneof(fc.json(), damaged, fc.string()), (text) => {
        expect(jsonFault(text) === null).toBe(isJson(text));
      }),
      { numRuns: 2000 },
    );
  });

  it('is found in a long string without recursion', () => {
    const long = 'a\\n'.repeat(1_000_000);
    expect(jsonFault(`["${long}"]`)).toBeNull();
    expect(jsonFault(`["${long}", x]`)).toEqual({ line: 1, column: long.length + 6 });
  });
});
