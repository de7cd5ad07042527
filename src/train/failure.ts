import { type Complaint, DataError, DivergedError, DTypeError, OmoeError, ShapeError, UsageError } from '../errors.ts';

/** An error as plain data: what is left of it must cross a process border and come back as the same class. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly complaint?: Complaint;
  readonly stack?: string;
}

/** Whatever was thrown, as plain data. */
export function toFailure(error: unknown): Failure {
  if (error instanceof OmoeError) {
    const { name, message, complaint, stack } = error;
    return { name, message, complaint: { ...complaint }, stack };
  }
  if (error instanceof Error) return { name: error.name, message: error.message, stack: error.stack };
  return { name: 'Error', message: String(error) };
}

/** The error again: class, exit code and complaint as they were; the stack is that of the process where it was thrown. */
export function fromFailure({ name, message, complaint, stack }: Failure): Error {
  const error = complaint === undefined ? Object.assign(new Error(message), { name }) : rebuild(name, complaint);
  if (stack !== undefined) error.stack = stack;
  return error;
}

function rebuild(name: string, complaint: Complaint): OmoeError {
  switch (name) {
    case 'ShapeError':
      return new ShapeError(complaint);
    case 'DTypeError':
      return new DTypeError(complaint);
    case 'UsageError':
      return new UsageError(complaint);
    case 'DivergedError':
      return new DivergedError(complaint);
    case 'DataError':
      return new DataError(complaint);
    default:
      return new OmoeError(complaint);
  }
}
