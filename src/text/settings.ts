import { DataError } from '../errors.ts';

/** An object of a tokenizer.json. */
export type Settings = Readonly<Record<string, unknown>>;

export const refuse = (what: string, received: string, expected: string, advice?: string): DataError =>
  new DataError({ operation: `read tokenizer (${what})`, received, expected, advice });

/** In an error, what a value is without all of it. */
const inWords = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** @throws DataError unless the value is an object. */
export const settings = (value: unknown, what: string): Settings => {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refuse(what, inWords(value), 'an object');
  return value as Settings;
};

/** @throws DataError unless the value is a list. */
export const settingsList = (value: unknown, what: string): readonly unknown[] => {
  if (!Array.isArray(value)) throw refuse(what, inWords(value), 'a list');
  return value;
};

/** @throws DataError unless the value is a text. */
export const settingsText = (value: unknown, what: string): string => {
  if (typeof value !== 'string') throw refuse(what, inWords(value), 'a text');
  return value;
};

/** Ids end below this: more would not fit an int32 tensor, nor any memory. */
const mostIds = 2 ** 24;

/** @throws DataError unless the value can be an id. */
export const settingsId = (value: unknown, what: string): number => {
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) >= mostIds)
    throw refuse(what, inWords(value), `an id: a whole number from 0 to ${mostIds - 1}`);
  return value as number;
};

/** A JSON text as an object. @throws DataError that names the file. */
export const parseSettings = (text: string, name: string): Settings => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DataError(
      { operation: 'read tokenizer', received: `no JSON, ${name} (${(error as Error).message})`, expected: 'JSON' },
      { cause: error },
    );
  }
  return settings(value, name);
};
