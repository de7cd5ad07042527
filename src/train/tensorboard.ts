import { crc32c } from '../io/crc.ts';
import { cannot } from '../io/failure.ts';
import { type Files, join } from '../io/files.ts';
import { appendTo } from './metrics-log.ts';

/**
 * Scalars as TensorBoard reads them: a file of TFRecords, each holding an Event in protocol-buffer encoding.
 *
 *   record = length u64 · masked CRC of the length u32 · data · masked CRC of the data u32, all little endian
 *   Event  = { 1: wall time (double), 2: step (int64), 3: file version | 5: Summary | 7: SessionLog }
 *   Summary = { 1: repeated Value { 1: tag, 2: simple value (float) } },   SessionLog = { 1: status, START = 1 }
 *
 * Sources: tensorflow/core/lib/io/record_writer, tensorflow/core/util/event.proto and framework/summary.proto.
 */

/** TFRecord's disguise of a checksum: turned right by 15 bits, a constant added. */
export function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

export function tfRecord(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(8 + 4 + data.length + 4);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.length), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.length, maskedCrc(data), true);
  return record;
}

/** Bytes under construction: fields of a protocol buffer, one after the other. */
class Message {
  readonly #bytes: number[] = [];

  /** Base 128, lowest group first; all groups but the last have their top bit set. */
  #varint(value: number): void {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#bytes.push((rest % 0x80) | 0x80);
    this.#bytes.push(rest);
  }
  whole(field: number, value: number): this {
    this.#varint(field * 8); // wire type 0
    this.#varint(value);
    return this;
  }
  double(field: number, value: number): this {
    this.#varint(field * 8 + 1);
    this.#bytes.push(...new Uint8Array(Float64Array.of(value).buffer));
    return this;
  }
  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#bytes.push(...new Uint8Array(Float32Array.of(value).buffer));
    return this;
  }
  bytes(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2);
    this.#varint(value.length);
    this.#bytes.push(...value);
    return this;
  }
  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }
  done(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** @param step from 0 to 2⁵³ − 1 */
const event = (seconds: number, step: number): Message => new Message().double(1, seconds).whole(2, step);

export function scalarEvent(seconds: number, step: number, scalars: Readonly<Record<string, number>>): Uint8Array {
  const summary = new Message();
  for (const [tag, value] of Object.entries(scalars))
    summary.bytes(1, new Message().text(1, tag).float(2, value).done());
  return event(seconds, step).bytes(5, summary.done()).done();
}

export const versionEvent = (seconds: number): Uint8Array => event(seconds, 0).text(3, 'brain.Event:2').done();

/** Tells TensorBoard to forget what earlier files say of this step and later ones. */
export const restartEvent = (seconds: number, step: number): Uint8Array =>
  event(seconds, step).bytes(7, new Message().whole(1, 1).done()).done();

export interface EventFile {
  /** Numbers of a step; the name before the slash groups them: `train/loss`. */
  scalars(step: number, values: Readonly<Record<string, number | undefined>>): void;
  flush(): Promise<void>;
}

const recordsTogether = 64;

/**
 * Opens an event file in a folder; a training that is taken up again opens another one beside it.
 * @param restartedAt the first step that is written again, if the training was taken up again
 * @throws OmoeError for a folder that cannot be made; at the next `flush`, for what could not be written
 */
export async function eventFile(
  files: Files,
  folder: string,
  now: () => Date,
  restartedAt: number | null = null,
): Promise<EventFile> {
  const seconds = () => now().getTime() / 1000;
  const began = now().getTime();
  // Two files of one second are told apart by their milliseconds; TensorBoard reads a folder's files in order of their names.
  const name = `events.out.tfevents.${Math.floor(began / 1000)}.omoe.${String(began % 1000).padStart(3, '0')}`;
  await files.makeFolder(folder).catch((error: unknown) => {
    throw cannot('create', folder, error);
  });
  let waiting = [tfRecord(versionEvent(seconds()))];
  if (restartedAt !== null) waiting.push(tfRecord(restartEvent(seconds(), restartedAt)));
  let writing: Promise<void> = Promise.resolve();
  const write = () => {
    const all = new Uint8Array(waiting.reduce((length, record) => length + record.length, 0));
    let at = 0;
    for (const record of waiting) {
      all.set(record, at);
      at += record.length;
    }
    waiting = [];
    writing = writing.then(() => appendTo(files, join(folder, name), all));
    // Whoever flushes is told of a failure; until then it must not count as unhandled.
    writing.catch(() => {});
  };
  return {
    scalars(step, values) {
      const known = Object.entries(values).filter((entry): entry is [string, number] => entry[1] !== undefined);
      waiting.push(tfRecord(scalarEvent(seconds(), step, Object.fromEntries(known))));
      if (waiting.length >= recordsTogether) write();
    },
    async flush() {
      if (waiting.length > 0) write();
      await writing;
    },
  };
}
