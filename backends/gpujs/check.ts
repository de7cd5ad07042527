import type { OmoeError } from '../../src/errors.ts';
import type { Cell, GpuBuffer } from './buffer.ts';
import type { Program } from './program.ts';

/**
 * Errors that depend on data. A kernel cannot throw. What may go wrong is searched by kernels, which leave three numbers:
 * which check failed first, at which position, and the value there. One buffer of these three is carried along; the next
 * read looks at it.
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
}

export interface Checks {
  /** @throws what the check complains of, where `now` */
  add(check: Check, now: boolean): void;
  /** Issued now. Rejects with the complaint of the first check that failed, and forgets it. */
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
// [number of the check, place, value], unless there is a failure already.
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
  let complaints: Check['complaint'][] = [];

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
    const before = record ?? run(operation, zeroProgram, [], 3);
    const { buffer, offset, stride } = values;
    record = run(operation, recordProgram, [before, found, cellOf(operation, buffer), offset, stride, number], 3);
    release(before);
    release(found);
  };

  const take = (): { record: Cell; complaints: Check['complaint'][] } | null => {
    if (!record) return null;
    const taken = { record, complaints };
    record = null;
    complaints = [];
    return taken;
  };
  const complain = (floats: Float32Array, list: readonly Check['complaint'][]): void => {
    if (floats[0] !== 0) throw list[floats[0] - 1](floats[1] - 1, floats[2]);
  };

  return {
    add(check, now) {
      if (check.length === 0) return;
      complaints.push(check.complaint);
      search(check, complaints.length);
      if (!now) return;
      const taken = take()!;
      complain(taken.record.value as Float32Array, taken.complaints);
    },
    async settle() {
      const taken = take();
      if (!taken) return;
      const floats = readFloats('check', taken.record, 0, 3);
      release(taken.record);
      complain(await floats, taken.complaints);
    },
  };
}
