import type { OmoeError } from '../../src/errors.ts';
import type { Cell, GpuBuffer } from './buffer.ts';
import type { Program } from './program.ts';

/**
 * Errors that depend on data. A kernel cannot throw. What may go wrong is searched by kernels, which leave four numbers:
 * which check failed first, at which position, the value there, and how many checks failed. One buffer of these is carried
 * along; the next read looks at it.
 */
export interface Check {
  readonly operation: string;
  /** Returns, for each of `length` elements, 0 where all is well. */
  readonly program: Program;
  readonly args: readonly (GpuBuffer | number)[];
  readonly length: number;
  /** What stands at each position. */
  readonly values: { readonly buffer: GpuBuffer; readonly offset: number; readonly stride: number };
  complaint(position: number, value: number): OmoeError;
  /** Called where it is unknown whether the check held, because one before it failed: it is to be made again. */
  forget?(): void;
}
type Answer = Pick<Check, 'complaint' | 'forget'>;

export interface Checks {
  /** @throws what the check complains of, where `now` */
  add(check: Check, now: boolean): void;
  /** Issued now. Rejects with the complaint of the first check that failed and the number of the others, and forgets them. */
  settle(): Promise<void>;
}

/** Cells, not buffers: nobody counts them. */
interface Means {
  run(operation: string, program: Program, args: readonly (Cell | number)[], length: number): Cell;
  release(cell: Cell): void;
  cellOf(operation: string, buffer: GpuBuffer): Cell;
  readFloats(operation: string, cell: Cell, offset: number, length: number): Promise<Float32Array>;
}

const chunk = 256;
/** Of the record. */
const numbers = 4;

// Each element looks at a chunk and keeps the place (from 1) of its first mark. Places beyond 2²⁴ are rounded, not lost.
const firstOfMarks: Program = {
  key: 'first mark',
  parameters: { marks: 'buffer', chunk: 'integer', length: 'integer' },
  functions: [
    {
      name: 'placeInChunk',
      parameters: { chunk: 'integer', at: 'integer', i: 'integer' },
      returns: 'integer',
      body: 'return chunk * at + i;',
    },
  ],
  body: `
    let place = 0;
    for (let i = 0; i < chunk; i++) {
      if (place === 0 && placeInChunk(chunk, this.thread.x, i) < length) {
        if (marks[placeInChunk(chunk, this.thread.x, i)] !== 0) {
          place = placeInChunk(chunk, this.thread.x, i) + 1;
        }
      }
    }
    return place;`,
};
const firstOfPlaces: Program = {
  key: 'first place',
  parameters: firstOfMarks.parameters,
  functions: firstOfMarks.functions,
  body: `
    let place = 0;
    for (let i = 0; i < chunk; i++) {
      if (place === 0 && placeInChunk(chunk, this.thread.x, i) < length) {
        place = marks[placeInChunk(chunk, this.thread.x, i)];
      }
    }
    return place;`,
};
// [number of the check, place, value], unless there is a failure already; then how many there are.
const recordProgram: Program = {
  key: 'record failure',
  parameters: {
    before: 'buffer',
    place: 'buffer',
    values: 'buffer',
    offset: 'integer',
    stride: 'integer',
    number: 'number',
  },
  functions: [
    {
      name: 'placeOfValue',
      parameters: { place: 'integer', stride: 'integer', offset: 'integer' },
      returns: 'integer',
      body: 'return offset + (place - 1) * stride;',
    },
  ],
  body: `
    const known = before[0];
    const found = place[0];
    let result = before[this.thread.x];
    if (this.thread.x === 3 && found > 0) { result = result + 1; }
    if (known === 0 && found > 0) {
      if (this.thread.x === 0) { result = number; }
      if (this.thread.x === 1) { result = found; }
      if (this.thread.x === 2) { result = values[placeOfValue(found, stride, offset)]; }
    }
    return result;`,
};
const zeroProgram: Program = { key: 'no failure', parameters: {}, body: 'return 0;' };

export function createChecks({ run, release, cellOf, readFloats }: Means): Checks {
  let record: Cell | null = null;
  // Not the checks themselves: they hold buffers, which nobody else may hold any more.
  let waiting: Answer[] = [];

  /** Runs the search; `record` is afterwards one step further. */
  const search = ({ operation, program, args, length, values }: Check, number: number): void => {
    const cells = args.map((arg) => (typeof arg === 'number' ? arg : cellOf(operation, arg)));
    let found = run(operation, program, cells, length);
    const replace = (next: Cell): void => {
      release(found);
      found = next;
    };
    for (let [rest, first] = [length, true]; rest > 1 || first; rest = Math.ceil(rest / chunk), first = false)
      replace(run(operation, first ? firstOfMarks : firstOfPlaces, [found, chunk, rest], Math.ceil(rest / chunk)));
    const before = record ?? run(operation, zeroProgram, [], numbers);
    const { buffer, offset, stride } = values;
    record = run(operation, recordProgram, [before, found, cellOf(operation, buffer), offset, stride, number], numbers);
    release(before);
    release(found);
  };

  const take = (): { record: Cell; made: readonly Answer[] } | null => {
    if (!record) return null;
    const taken = { record, made: waiting };
    record = null;
    waiting = [];
    return taken;
  };
  const complain = ([number, place, value, failed]: Float32Array, made: readonly Answer[]): void => {
    if (number === 0) return;
    for (const check of made.slice(number - 1)) check.forget?.();
    const error = made[number - 1].complaint(place - 1, value);
    if (failed === 1) throw error;
    const { complaint } = error;
    const more = `${failed - 1} more of the checks since the last read failed.`;
    throw new (error.constructor as typeof OmoeError)({
      ...complaint,
      advice: complaint.advice ? `${complaint.advice} ${more}` : more,
    });
  };

  return {
    add(check, now) {
      if (check.length === 0) return;
      waiting.push({ complaint: check.complaint, forget: check.forget });
      search(check, waiting.length);
      if (!now) return;
      const taken = take()!;
      complain(taken.record.value as Float32Array, taken.made);
    },
    async settle() {
      const taken = take();
      if (!taken) return;
      const floats = readFloats('check', taken.record, 0, numbers);
      release(taken.record);
      complain(await floats, taken.made);
    },
  };
}
