import * as v from 'valibot';
import { DataError } from '../errors.ts';

/**
 * A document that was read from a file, as what its schema says it is.
 *
 * @param path of the file, for errors
 * @param name of the schema, with its version
 * @throws DataError naming the first field that is wrong
 */
export function checkDocument<Result>(schema: v.GenericSchema, document: unknown, path: string, name: string): Result {
  const { success, issues } = v.safeParse(schema, document);
  // The document itself, not valibot's copy: that one has its fields in another order.
  if (success) return document as Result;
  const [issue] = issues;
  throw new DataError({
    operation: path,
    received: `${v.getDotPath(issue) ?? 'the document'} = ${issue.received}`,
    expected: issue.expected ?? 'another value',
    advice: `The document must follow ${name}.`,
  });
}
