/**
 * Every error of omoe says four things: the operation, what it received, what it expected, and what to do.
 * The class decides the exit code of the command line (0 ok, 1 failure, 2 usage, 3 diverged, 4 bad or corrupt input).
 */
export interface Complaint {
  /** The operation that was asked for, e.g. `matmul` or `compare --task`. */
  readonly operation: string;
  /** What it was given, e.g. `[2, 3] · [4, 5]`. */
  readonly received: string;
  /** What it takes, e.g. `equal inner sizes`. */
  readonly expected: string;
  /** What the reader can do about it; left out where `expected` says it already. */
  readonly advice?: string;
}

export class OmoeError extends Error {
  override readonly name: string = 'OmoeError';
  readonly exitCode: number = 1;
  readonly complaint: Complaint;

  constructor(complaint: Complaint, options?: ErrorOptions) {
    const { operation, received, expected, advice } = complaint;
    super(`${operation}: received ${received}, expected ${expected}.${advice ? ` ${advice}` : ''}`, options);
    this.complaint = complaint;
  }
}

/** Shapes, ranks or axes that do not fit the operation. */
export class ShapeError extends OmoeError {
  override readonly name = 'ShapeError';
}

/** A dtype that the operation does not take; nothing is ever converted silently. */
export class DTypeError extends OmoeError {
  override readonly name = 'DTypeError';
}

/** An option or an argument outside its range, in the library or on the command line. */
export class UsageError extends OmoeError {
  override readonly name = 'UsageError';
  override readonly exitCode = 2;
}

/** Training produced a NaN or an infinity; names the step and the first tensor that went bad. */
export class DivergedError extends OmoeError {
  override readonly name = 'DivergedError';
  override readonly exitCode = 3;
}

/** A file that is missing, malformed or corrupt. */
export class DataError extends OmoeError {
  override readonly name = 'DataError';
  override readonly exitCode = 4;
}

/** A device that is lost, out of memory, or not the one that was asked for. After a loss every call throws it. */
export class DeviceError extends OmoeError {
  override readonly name = 'DeviceError';
}
