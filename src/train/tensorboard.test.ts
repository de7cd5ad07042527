import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32c } from '../io/crc.ts';
import { memoryFiles } from '../io/memory.ts';
import { eventFile, maskedCrc, restartEvent, scalarEvent, tfRecord, versionEvent } from './tensorboard.ts';

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe('CRC-32C', () => {
  it('has the values of RFC 3720, B.4', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
    expect(crc32c(new TextEncoder().encode('123456789'))).toBe(0xe3069283);
  });

  it('goes on over pieces as over the whole', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (a, b) => {
        expect(crc32c(b, crc32c(a))).toBe(crc32c(Uint8Array.of(...a, ...b)));
      }),
    );
  });

  it('is disguised as TFRecord has it', () => {
    // By hand of 0xe3069283: >>> 15 is 0x0001c60d, << 17 is 0x25060000; their sum with 0xa282ead8 is 0xc78ab0e5.
    expect(maskedCrc(new TextEncoder().encode('123456789'))).toBe(0xc78ab0e5);
  });
});

/** A protocol buffer read without knowing what it should hold: [field, wire type, value]. */
function fields(bytes: Uint8Array): [number, number, number | Uint8Array][] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: [number, number, number | Uint8Array][] = [];
  let at = 0;
  const varint = () => {
    let [value, weight] = [0n, 1n];
    for (;;) {
      const byte = bytes[at++];
      value += BigInt(byte & 0x7f) * weight;
      weight *= 128n;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const [field, wire] = [key >> 3, key & 7];
    if (wire === 0) found.push([field, wire, varint()]);
    else if (wire === 1) {
      found.push([field, wire, view.getFloat64(at, true)]);
      at += 8;
    } else if (wire === 5) {
      found.push([field, wire, view.getFloat32(at, true)]);
      at += 4;
    } else {
      const length = varint();
      found.push([field, wire, bytes.subarray(at, at + length)]);
      at += length;
    }
  }
  return found;
}

/** The data of each record, every checksum compared. */
function records(bytes: Uint8Array): Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const length = Number(view.getBigUint64(at, true));
    expect(view.getUint32(at + 8, true)).toBe(maskedCrc(bytes.subarray(at, at + 8)));
    const data = bytes.subarray(at + 12, at + 12 + length);
    expect(view.getUint32(at + 12 + length, true)).toBe(maskedCrc(data));
    found.push(data);
    at += 16 + length;
  }
  expect(at).toBe(bytes.length);
  return found;
}

describe('TensorBoard events', () => {
  it('are records that say their length and are checked twice', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 300 })), (all) => {
        const written = Uint8Array.from(all.flatMap((data) => [...tfRecord(data)]));
        expect(records(written)).toEqual(all);
      }),
    );
  });

  it('hold steps and scalars', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.double({ noNaN: true }),
        fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.float()), { maxLength: 5 }),
        (step, seconds, entries) => {
          const scalars = Object.fromEntries(entries.map(([tag, value], i) => [`${i}${tag}`, value]));
          const [time, at, summary] = fields(scalarEvent(seconds, step, scalars));
          expect([time, at]).toEqual([
            [1, 1, seconds],
            [2, 0, step],
          ]);
          expect(summary.slice(0, 2)).toEqual([5, 2]);
          const values = fields(summary[2] as Uint8Array).map(([field, , value]) => {
            expect(field).toBe(1);
            const [tag, number] = fields(value as Uint8Array);
            expect([tag[0], number[0], number[1]]).toEqual([1, 2, 5]);
            return [text(tag[2] as Uint8Array), number[2]];
          });
          expect(values).toEqual(Object.entries(scalars));
        },
      ),
    );
  });

  it('are these bytes', () => {
    // 09 double 1.0 | 10 varint 300 = ac 02 | 2a summary of 7: 0a value of 8 … written out by hand.
    const value = [0x0a, 1, 0x61, 0x15, 0, 0, 0, 0x3f]; // tag "a", float 0.5
    const summary = [0x0a, value.length, ...value];
    expect([...scalarEvent(1, 300, { a: 0.5 })]).toEqual([
      ...[0x09, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f],
      ...[0x10, 0xac, 0x02],
      ...[0x2a, summary.length, ...summary],
    ]);
  });

  it('stand in a file that begins with its version, and say where a training was taken up again', async () => {
    const files = memoryFiles();
    let clock = 1_700_000_000_250;
    const now = () => new Date(clock);
    const first = await eventFile(files, '/run/tb', now);
    first.scalars(1, { 'train/loss': 0.5, 'train/trace': undefined });
    await first.flush();
    clock += 1;
    const second = await eventFile(files, '/run/tb', now, 1);
    for (let step = 2; step < 200; step++) second.scalars(step, { 'train/loss': 0.25 });
    await second.flush();

    const names = await files.list('/run/tb');
    expect(names).toEqual(['events.out.tfevents.1700000000.omoe.250', 'events.out.tfevents.1700000000.omoe.251']);
    const [a, b] = await Promise.all(names.map(async (name) => records(await files.read(`/run/tb/${name}`))));
    expect(a).toEqual([versionEvent(1_700_000_000.25), scalarEvent(1_700_000_000.25, 1, { 'train/loss': 0.5 })]);
    expect(text(fields(a[0])[2][2] as Uint8Array)).toBe('brain.Event:2');
    expect(b).toHaveLength(2 + 198);
    expect(b[1]).toEqual(restartEvent(1_700_000_000.251, 1));
    expect(fields(b[1]).map(([field]) => field)).toEqual([1, 2, 7]);
    expect(fields(b[1])[2][2]).toEqual(Uint8Array.of(0x08, 1));
  });
});
