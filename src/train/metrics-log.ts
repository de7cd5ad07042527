import { cannot, isMissing } from '../io/failure.ts';
import { type Files, writeWhole } from '../io/files.ts';
import { encodeJson } from './json.ts';

/** Where a training's lines go; nothing in them depends on the time. */
export interface MetricsLog {
  append(line: Readonly<Record<string, unknown>>): void;
  /** Writes what was appended. @returns the length of the file in bytes */
  flush(): Promise<number>;
  /**
   * Cuts off what was written after the file had this length. @returns false where it is shorter: a crash took lines that
   * the checkpoint knew of
   */
  cut(bytes: number): Promise<boolean>;
}

/** Lines are kept back until so many are waiting: a training step shall not wait for the disk. */
const linesTogether = 64;

/**
 * metrics.jsonl: one JSON object a line, NaN and infinities as strings.
 * @throws OmoeError, at the next `flush` or `cut`, for what the file system refused
 */
export async function metricsLog(files: Files, path: string): Promise<MetricsLog> {
  let length = (await readOrNothing(files, path)).length;
  let waiting: string[] = [];
  let writing: Promise<void> = Promise.resolve();
  const write = () => {
    const bytes = new TextEncoder().encode(waiting.join(''));
    waiting = [];
    if (bytes.length === 0) return;
    length += bytes.length;
    writing = writing.then(() => appendTo(files, path, bytes));
    // Whoever flushes is told of a failure; until then it must not count as unhandled.
    writing.catch(() => {});
  };
  return {
    append(line) {
      waiting.push(`${encodeJson(line)}\n`);
      if (waiting.length >= linesTogether) write();
    },
    async flush() {
      write();
      await writing;
      return length;
    },
    async cut(bytes) {
      await writing;
      waiting = [];
      const written = await readOrNothing(files, path);
      // A line that a crash cut in two is of no use: only whole ones are kept.
      const whole = written.subarray(0, Math.min(bytes, written.lastIndexOf(0x0a) + 1));
      if (whole.length < written.length || bytes === 0) await writeWhole(files, path, whole);
      length = whole.length;
      return length === bytes;
    },
  };
}

/** @throws OmoeError naming the file and what the system said */
export const appendTo = async (files: Files, path: string, bytes: Uint8Array): Promise<void> => {
  try {
    await files.append(path, bytes);
  } catch (error) {
    throw cannot('append to', path, error);
  }
};

const readOrNothing = async (files: Files, path: string): Promise<Uint8Array> => {
  try {
    return await files.read(path);
  } catch (error) {
    if (isMissing(error)) return new Uint8Array(0);
    throw cannot('read', path, error);
  }
};

/** Keeps nothing. */
export const noMetrics: MetricsLog = {
  append: () => {},
  flush: async () => 0,
  cut: async () => true,
};
