import { OmoeError } from '../errors.ts';
import { encodeJson } from '../train/json.ts';
import type { Environment, OutputFlags } from './environment.ts';

/**
 * Tells a person what went wrong in one line on stderr (with the stack under `--verbose`), and a program in one JSON
 * document on stdout under `--json`.
 *
 * @returns the exit code: the error's own, or 1 for an error that is none of ours
 */
export function reportFailure(error: unknown, flags: OutputFlags, environment: Environment): number {
  const known = error instanceof OmoeError;
  const exitCode = known ? error.exitCode : 1;
  const message = error instanceof Error ? error.message : String(error);
  const line = known
    ? message
    : `internal error: ${message}\nThis is a fault of omoe. --verbose shows where it happened.`;
  environment.stderr.write(`omoe: ${line}\n`);
  if (flags.verbose) {
    for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
      environment.stderr.write(`${cause.stack ?? cause.message}\n`);
    }
  }
  if (flags.json) {
    const { name } = error instanceof Error ? error : { name: 'Error' };
    const { advice, ...complaint } = known ? error.complaint : {};
    const document = { error: { name, exitCode, message, ...complaint, ...(advice ? { advice } : {}) } };
    environment.stdout.write(`${encodeJson(document, 2)}\n`);
  }
  return exitCode;
}
