import { UsageError } from '../errors.ts';
import { didYouMean } from '../nearest.ts';
import { type Method, methodTable, optionNames, validateOmoeOptions } from '../optim/methods.ts';
import { type OmoeOptions, omoeDefaults } from '../optim/options.ts';

/**
 * Reads a `--methods` list. Commas separate methods, and the options after a colon as well, so an item
 * with `=` and no id continues the method before it: `omoe:side=input,alpha=1e-2,adamw` is two methods.
 *
 * @param text e.g. `adamw,omoe:side=input,combine=hard,alpha=1e-2`
 * @param defaults options that hold unless a method says otherwise (the embedded demonstration shortens the cycle)
 * @throws UsageError for an unknown method or option, a bad value, an empty item, or a method named twice
 */
export function parseMethods(text: string, defaults: Partial<OmoeOptions> = {}): Method[] {
  const written: { id: string; assignments: string[] }[] = [];
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') {
      throw usage(`"${text}"`, 'method names separated by single commas', `Known methods: ${knownIds.join(', ')}.`);
    }
    const colon = item.indexOf(':');
    const previous = written.at(-1);
    if (colon >= 0) {
      written.push({ id: item.slice(0, colon).trim(), assignments: [item.slice(colon + 1).trim()] });
    } else if (!item.includes('=')) {
      written.push({ id: item, assignments: [] });
    } else if (previous === undefined) {
      throw usage(`"${item}" first`, 'a method name before its options', 'For example: omoe:side=input.');
    } else {
      if (previous.assignments.length === 0) {
        throw usage(`"${previous.id},${item}"`, `a colon before the first option`, `Write ${previous.id}:${item}.`);
      }
      previous.assignments.push(item);
    }
  }
  const methods = written.map(({ id, assignments }) => methodFrom(id, assignments, defaults));
  for (const [index, { name }] of methods.entries()) {
    if (methods.findIndex((other) => other.name === name) !== index) throw usage(`"${name}" twice`, 'each method once');
  }
  return methods;
}

const knownIds = methodTable.map(({ id }) => id);

function methodFrom(id: string, assignments: readonly string[], defaults: Partial<OmoeOptions>): Method {
  const named = methodTable.find((entry) => entry.id === id);
  if (named === undefined) throw usage(`"${id}"`, `one of ${knownIds.join(', ')}`, didYouMean(id, knownIds));
  if (named.options === null) {
    if (assignments.length > 0) throw usage(`"${id}:${assignments.join(',')}"`, `${id} without options`);
    return { name: id, omoe: null };
  }
  const options: Record<string, unknown> = {};
  for (const assignment of assignments) {
    const [name, value] = readAssignment(assignment, id);
    if (Object.hasOwn(options, name)) throw usage(`"${name}" twice in ${id}`, 'each option once');
    options[name] = value;
  }
  const operation = `--methods ${id}`;
  return {
    name: assignments.length === 0 ? id : `${id}:${assignments.join(',')}`,
    omoe: validateOmoeOptions({ ...defaults, ...named.options, ...(options as Partial<OmoeOptions>) }, operation),
  };
}

/** `alpha=1e-2` -> ['alpha', 0.01], by the type of the option's default; what does not read as one stays text and is refused. */
function readAssignment(assignment: string, id: string): [string, unknown] {
  const equals = assignment.indexOf('=');
  if (equals < 1) throw usage(`"${id}:${assignment}"`, 'name=value after the colon');
  const name = assignment.slice(0, equals).trim();
  const value = assignment.slice(equals + 1).trim();
  if (!isOption(name)) return [name, value];
  const type = typeof omoeDefaults[name];
  if (type === 'boolean' && (value === 'true' || value === 'false')) return [name, value === 'true'];
  if (type === 'number' && /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value)) return [name, Number(value)];
  return [name, value];
}

const isOption = (name: string): name is keyof OmoeOptions => (optionNames as readonly string[]).includes(name);

const usage = (received: string, expected: string, advice?: string) =>
  new UsageError({ operation: '--methods', received, expected, advice });
