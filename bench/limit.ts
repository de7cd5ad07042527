import type { Variant } from './sample.ts';

/**
 * What 128-bit fused multiply-adds can reach at most on one thread: a loop of nothing else, on registers alone, as a WebAssembly
 * module written out by hand. Twelve sums, as each has to wait some four or five cycles for its last term.
 */

const sums = 12;
const unrolled = 4;
/** Multiplications and additions of one round of the loop: four lanes, two each. */
const perRound = sums * unrolled * 4 * 2;

const [get, set, tee, i32Const, i32Sub, branchIf, loop, end, simd] = [
  ...[0x20, 0x21, 0x22, 0x41, 0x6b, 0x0d, 0x03, 0x0b, 0xfd],
];
const madd = [simd, 0x85, 0x02]; // f32x4.relaxed_madd: a · b + c
const [v128Const, v128] = [0x0c, 0x7b];
const [i32, f32] = [0x7f, 0x7d];

const section = (id: number, ...content: number[]): number[] => [id, ...leb(content.length), ...content];
const leb = (n: number): number[] => (n < 128 ? [n] : [(n & 127) | 128, ...leb(n >> 7)]);

/** run(rounds: i32): f32. Local 0 counts down, local 1 is the factor, the others the sums. */
function moduleBytes(): Uint8Array<ArrayBuffer> {
  const half = [...new Uint8Array(new Float32Array(4).fill(0.5).buffer)];
  const one = (s: number) => [get, 1, get, 1, get, s, ...madd, set, s];
  const all = Array.from({ length: sums }, (_, i) => one(i + 2)).flat();
  const body = [
    ...[1, sums + 1, v128], // locals
    ...[simd, v128Const, ...half, set, 1],
    ...[loop, 0x40],
    ...Array.from({ length: unrolled }, () => all).flat(),
    ...[get, 0, i32Const, 1, i32Sub, tee, 0, branchIf, 0],
    end,
    ...[get, 2],
    ...Array.from({ length: sums - 1 }, (_, i) => [get, i + 3, simd, 0xe4, 0x01]).flat(), // f32x4.add
    ...[simd, 0x1f, 0], // f32x4.extract_lane 0
    end,
  ];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, 1, 0x60, 1, i32, 1, f32),
    ...section(3, 1, 0),
    ...section(7, 1, 3, 0x72, 0x75, 0x6e, 0, 0), // export "run"
    ...section(10, 1, ...leb(body.length), ...body),
  ]);
}

/**
 * Does as many multiplications and additions as a call of the case.
 * @throws Error where the engine has no relaxed SIMD, or has not been told to have it
 */
export async function atTheLimit(flops: number): Promise<Variant> {
  const bytes = moduleBytes();
  if (!WebAssembly.validate(bytes)) throw new Error('limit: this engine has no fused multiply-add for WebAssembly');
  const run = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.run as (rounds: number) => number;
  // The engine optimises it once it has run for a while, beside the running program.
  for (let i = 0; i < 100; i++) run(2000);
  await new Promise((resolve) => setTimeout(resolve, 200));
  const rounds = Math.max(1, Math.round(flops / perRound));
  return async () => {
    run(rounds);
  };
}
