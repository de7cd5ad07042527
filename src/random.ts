/**
 * Randomness without state. A *key* names a stream; draw number i is a function of the key and of i alone, so every
 * backend, thread and resumed run sees the same numbers. Keys for other purposes are derived from it, never reused.
 *
 * Generator: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC'11, §3.3 and table 2). `spec/random.ts` is the same definition written naively; the two agree to the bit.
 *
 * Stability: the streams of `bits`, `uniform`, `integers` and `permutation`, and the keys of `key`, `foldIn` and `split`,
 * are fixed within a major version of omoe, on every platform. `normal` and `truncatedNormal` also use the platform's log,
 * sin and cos, which ECMAScript leaves open in the last digits: stable on one engine, close on another.
 * The first m of n draws never depend on n.
 */
import { UsageError } from './errors.ts';

/** The name of a stream: two words of 32 bits, 0 <= hi, lo < 2³². */
export interface Key {
  readonly hi: number;
  readonly lo: number;
}

/** The second counter word says what a call is for, so that draws and derived keys never meet. */
const drawing = 0;
const foldingNumber = 1;
const foldingLetter = 2;
const foldingEnd = 3;
const splitting = 4;

/** The third key word is this ⊕ hi ⊕ lo (table 2 of the paper), so that no key is all zeros. */
const parity = 0x1bd11bda;

/**
 * The block (out[0], out[1]) of a key at the counter (c0, c1): a bijection of the counter for every key.
 * A round is x += y; y = rotate(y, R) ⊕ x. After each four rounds, for the s-th time, x += k[s mod 3] and
 * y += k[(s + 1) mod 3] + s. Written out in full because every draw comes through here.
 */
export function threefry(k: Key, c0: number, c1: number, out: Uint32Array): void {
  const k0 = k.hi | 0;
  const k1 = k.lo | 0;
  const k2 = parity ^ k0 ^ k1;
  let x = ((c0 | 0) + k0) | 0;
  let y = ((c1 | 0) + k1) | 0;
  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 1) | 0;

  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 2) | 0;

  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k0) | 0;
  y = (y + k1 + 3) | 0;

  x = (x + y) | 0;
  y = ((y << 17) | (y >>> 15)) ^ x;
  x = (x + y) | 0;
  y = ((y << 29) | (y >>> 3)) ^ x;
  x = (x + y) | 0;
  y = ((y << 16) | (y >>> 16)) ^ x;
  x = (x + y) | 0;
  y = ((y << 24) | (y >>> 8)) ^ x;
  x = (x + k1) | 0;
  y = (y + k2 + 4) | 0;

  x = (x + y) | 0;
  y = ((y << 13) | (y >>> 19)) ^ x;
  x = (x + y) | 0;
  y = ((y << 15) | (y >>> 17)) ^ x;
  x = (x + y) | 0;
  y = ((y << 26) | (y >>> 6)) ^ x;
  x = (x + y) | 0;
  y = ((y << 6) | (y >>> 26)) ^ x;
  x = (x + k2) | 0;
  y = (y + k0 + 5) | 0;
  out[0] = x;
  out[1] = y;
}

const isWord = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** 32;

function requireThat(condition: boolean, operation: string, received: unknown, expected: string): asserts condition {
  if (!condition) throw new UsageError({ operation, received: String(received), expected });
}

const requireCount = (operation: string, n: number): void =>
  requireThat(isWord(n), operation, `n = ${n}`, 'a whole number of draws from 0 to 2^32 − 1');

/** @throws UsageError for anything that `key`, `foldIn` or `split` did not make, such as a seed */
function requireKey(operation: string, k: unknown): void {
  const { hi, lo } = (typeof k === 'object' && k !== null ? k : {}) as Partial<Key>;
  const made = typeof hi === 'number' && typeof lo === 'number' && isWord(hi) && isWord(lo);
  requireThat(made, operation, `${typeof k === 'object' ? 'an object' : String(k)} for a key`, 'a key, such as key(0)');
}

/** A draw of n numbers: a key and a count. */
function requireDraw(operation: string, k: Key, n: number): void {
  requireKey(operation, k);
  requireCount(operation, n);
}

function derive(k: Key, value: number, purpose: number): Key {
  const words = new Uint32Array(2);
  threefry(k, value, purpose, words);
  return { hi: words[0]!, lo: words[1]! };
}

/** The key of a seed: hi = ⌊seed / 2³²⌋, lo = seed mod 2³². @throws UsageError unless 0 <= seed <= 2⁵³ − 1 is whole. */
export function key(seed: number): Key {
  requireThat(Number.isSafeInteger(seed) && seed >= 0, 'key', `seed ${seed}`, 'a whole number from 0 to 2^53 − 1');
  return { hi: Math.floor(seed / 2 ** 32), lo: seed % 2 ** 32 };
}

/**
 * The key for a purpose, e.g. `foldIn(foldIn(key(seed), 'dropout'), step)`. With T the generator:
 * a number n gives T(k, (n, 1)); a string folds its UTF-16 code units c in order, k ← T(k, (c, 2)), and ends with
 * T(k, (length, 3)). No separate hash is needed, and different strings meet only as 64-bit blocks do.
 * @throws UsageError unless the number is whole, 0 <= n < 2³².
 */
export function foldIn(k: Key, data: number | string): Key {
  requireKey('foldIn', k);
  requireThat(
    typeof data === 'number' || typeof data === 'string',
    'foldIn',
    String(data),
    'a whole number or a string',
  );
  if (typeof data === 'number') {
    requireThat(isWord(data), 'foldIn', data, 'a whole number from 0 to 2^32 − 1, or a string');
    return derive(k, data, foldingNumber);
  }
  let folded = k;
  for (let i = 0; i < data.length; i++) folded = derive(folded, data.charCodeAt(i), foldingLetter);
  return derive(folded, data.length, foldingEnd);
}

/** n keys; the i-th is T(k, (i, 4)). @throws UsageError on a count that is not one. */
export function split(k: Key, n: number): Key[] {
  requireDraw('split', k, n);
  return Array.from({ length: n }, (_, i) => derive(k, i, splitting));
}

/** n words of 32 bits: word j is word j mod 2 of block ⌊j/2⌋. @throws UsageError on a count that is not one. */
export function bits(k: Key, n: number): Uint32Array {
  requireDraw('bits', k, n);
  const out = new Uint32Array(n);
  const words = new Uint32Array(2);
  for (let j = 0; j < n; j += 2) {
    threefry(k, j / 2, drawing, words);
    out[j] = words[0]!;
    if (j + 1 < n) out[j + 1] = words[1]!;
  }
  return out;
}

/** u_i in [0, 1): the top 53 bits of block i = (a, b), (a·2²¹ + ⌊b/2¹¹⌋) / 2⁵³. `words` is scratch. */
function unit(k: Key, i: number, words: Uint32Array): number {
  threefry(k, i, drawing, words);
  return (words[0]! * 2 ** 21 + (words[1]! >>> 11)) / 2 ** 53;
}

/**
 * n numbers low + (high − low)·u_i, shape [n]. Below `high` for 0 and 1; otherwise rounding can give `high` itself.
 * @throws UsageError unless low <= high are finite.
 */
export function uniform(k: Key, n: number, low = 0, high = 1): Float64Array {
  requireDraw('uniform', k, n);
  requireThat(Number.isFinite(high - low) && low <= high, 'uniform', `low ${low}, high ${high}`, 'finite low <= high');
  const out = new Float64Array(n);
  const words = new Uint32Array(2);
  for (let i = 0; i < n; i++) out[i] = low + (high - low) * unit(k, i, words);
  return out;
}

/**
 * Standard normal numbers 2j and 2j + 1 (Box and Muller 1958): r = √(−2 ln(1 − u_{2j})), φ = 2π·u_{2j+1};
 * z_{2j} = r cos φ, z_{2j+1} = r sin φ. 1 − u lies in (0, 1], so r is finite and |z| <= √(2·53·ln 2) < 8.58.
 */
function normalPair(k: Key, j: number, words: Uint32Array, out: Float64Array): void {
  const radius = Math.sqrt(-2 * Math.log(1 - unit(k, 2 * j, words)));
  const angle = 2 * Math.PI * unit(k, 2 * j + 1, words);
  out[0] = radius * Math.cos(angle);
  out[1] = radius * Math.sin(angle);
}

/** Fills `out` with the standard normal numbers z_0, z_1, … of the key. */
function fillNormal(k: Key, out: Float64Array): void {
  const words = new Uint32Array(2);
  const pair = new Float64Array(2);
  for (let i = 0; i < out.length; i += 2) {
    normalPair(k, i / 2, words, pair);
    out[i] = pair[0]!;
    if (i + 1 < out.length) out[i + 1] = pair[1]!;
  }
}

/** n numbers mean + sd·z_i, z standard normal, shape [n]. @throws UsageError unless the mean and sd >= 0 are finite. */
export function normal(k: Key, n: number, mean = 0, sd = 1): Float64Array {
  requireDraw('normal', k, n);
  const expected = 'a finite mean and a finite sd >= 0';
  requireThat(Number.isFinite(mean) && Number.isFinite(sd) && sd >= 0, 'normal', `mean ${mean}, sd ${sd}`, expected);
  const out = new Float64Array(n);
  fillNormal(k, out);
  for (let i = 0; i < n; i++) out[i] = mean + sd * out[i]!;
  return out;
}

/**
 * n numbers sd·z_i, z standard normal given |z| <= bound (in units of sd), shape [n]. By rejection: round t = 0, 1, …
 * draws with foldIn(k, t), and position i keeps the z_i of the first round in which |z_i| <= bound, so that positions
 * do not disturb each other. A round accepts 0.95 at bound 2, 0.08 at 0.1.
 * @throws UsageError unless sd >= 0 is finite and bound >= 0.1.
 */
export function truncatedNormal(k: Key, n: number, sd = 1, bound = 2): Float64Array {
  requireDraw('truncatedNormal', k, n);
  requireThat(Number.isFinite(sd) && sd >= 0, 'truncatedNormal', `sd ${sd}`, 'a finite sd >= 0');
  requireThat(bound >= 0.1, 'truncatedNormal', `bound ${bound}`, 'a bound >= 0.1');
  const out = new Float64Array(n);
  fillNormal(foldIn(k, 0), out);
  const words = new Uint32Array(2);
  const pair = new Float64Array(2);
  for (let i = 0; i < n; i++) {
    for (let round = 1; Math.abs(out[i]!) > bound; round++) {
      normalPair(foldIn(k, round), Math.floor(i / 2), words, pair);
      out[i] = pair[i % 2]!;
    }
    out[i] = sd * out[i]!;
  }
  return out;
}

/** A permutation of 0 … n − 1: the order that sorts u_0 … u_{n−1} ascending, ties to the lower position. Shape [n]. */
export function permutation(k: Key, n: number): Int32Array {
  requireDraw('permutation', k, n);
  const order = uniform(k, n);
  return Int32Array.from(order.keys()).sort((i, j) => order[i]! - order[j]! || i - j);
}

/**
 * n integers low <= value < high, shape [n]: low + ⌊u_i·(high − low)⌋. Each value has probability 1/(high − low) up to
 * 2⁻⁵³, and the product never rounds up to high − low.
 * @throws UsageError unless −2³¹ <= low < high <= 2³¹ are whole.
 */
export function integers(k: Key, n: number, low: number, high: number): Int32Array {
  requireDraw('integers', k, n);
  const whole = Number.isInteger(low) && Number.isInteger(high) && low >= -(2 ** 31) && high <= 2 ** 31 && low < high;
  requireThat(whole, 'integers', `low ${low}, high ${high}`, 'whole numbers −2^31 <= low < high <= 2^31');
  const out = new Int32Array(n);
  const words = new Uint32Array(2);
  for (let i = 0; i < n; i++) out[i] = low + Math.floor(unit(k, i, words) * (high - low));
  return out;
}
