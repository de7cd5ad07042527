/**
 * Randomness without state. A *key* names a stream; a draw is a function of the key and of the position in the stream, so
 * that every backend, thread and resumed run sees the same numbers. Keys for other purposes are derived, never reused.
 *
 * All of it rests on one function, Threefry-2x32 with 20 rounds: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw,
 * "Parallel random numbers: as easy as 1, 2, 3", SC'11, §3.3 and Table 2.
 *
 * Law: the first m of n draws do not depend on n.
 */
import { array, type Int, intArray, precondition, type Real } from './array.ts';

/** Two words of 32 bits, 0 ≤ hi, lo < 2³². */
export interface Key {
  readonly hi: number;
  readonly lo: number;
}

const WORD = 2 ** 32;
const isWord = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < WORD;

/** (x + y) mod 2³² */
const plus = (x: number, y: number): number => (x + y) >>> 0;
/** Rotation of a 32-bit word to the left. */
const rotate = (x: number, by: number): number => ((x << by) | (x >>> (32 - by))) >>> 0;

/** Rotation distances of rounds 0 … 7; they repeat every eight rounds. */
const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24];
/** The third key word is this ⊕ k₀ ⊕ k₁, so that no key is all zeros. */
const PARITY = 0x1bd11bda;

/**
 * Threefry-2x32-20: a bijection of the 64-bit counter (c₀, c₁) for every key (k₀, k₁) = (hi, lo).
 *
 * Start: (x₀, x₁) = (c₀ + k₀, c₁ + k₁).
 * A round: x₀ ← x₀ + x₁;  x₁ ← rotate(x₁, R) ⊕ x₀.
 * After every fourth round, for the s-th time: x₀ ← x₀ + k_{s mod 3};  x₁ ← x₁ + k_{(s+1) mod 3} + s.
 */
export function threefry(key: Key, counter: readonly [number, number]): [number, number] {
  precondition([key.hi, key.lo, ...counter].every(isWord), 'key and counter are words of 32 bits');
  const k = [key.hi, key.lo, (PARITY ^ key.hi ^ key.lo) >>> 0];
  let x0 = plus(counter[0], k[0]);
  let x1 = plus(counter[1], k[1]);
  for (let round = 0; round < 20; round++) {
    x0 = plus(x0, x1);
    x1 = (rotate(x1, ROTATIONS[round % 8]) ^ x0) >>> 0;
    if (round % 4 === 3) {
      const s = (round + 1) / 4;
      x0 = plus(x0, k[s % 3]);
      x1 = plus(plus(x1, k[(s + 1) % 3]), s);
    }
  }
  return [x0, x1];
}

/** The second counter word says what a call is for. Draws and derived keys never share a counter. */
const DRAW = 0;
const NUMBER = 1;
const LETTER = 2;
const END = 3;
const SPLIT = 4;

const derive = (k: Key, value: number, purpose: number): Key => {
  const [hi, lo] = threefry(k, [value, purpose]);
  return { hi, lo };
};

/** The key of a seed: hi = ⌊seed / 2³²⌋, lo = seed mod 2³². Throws `SpecError` unless 0 ≤ seed ≤ 2⁵³ − 1 is an integer. */
export function key(seed: number): Key {
  precondition(Number.isSafeInteger(seed) && seed >= 0, `a seed is an integer from 0 to 2^53 − 1, not ${seed}`);
  return { hi: Math.floor(seed / WORD), lo: seed % WORD };
}

/**
 * The key for a purpose.
 * Of a number n (an integer, 0 ≤ n < 2³²): the words of T(k, (n, NUMBER)).
 * Of a string: its UTF-16 code units c in order, k ← T(k, (c, LETTER)), then once k ← T(k, (length, END)).
 */
export function foldIn(k: Key, data: number | string): Key {
  if (typeof data === 'number') {
    precondition(isWord(data), `foldIn takes an integer from 0 to 2^32 − 1, not ${data}`);
    return derive(k, data, NUMBER);
  }
  let folded = k;
  for (let i = 0; i < data.length; i++) folded = derive(folded, data.charCodeAt(i), LETTER);
  return derive(folded, data.length, END);
}

/** n keys; the i-th is T(k, (i, SPLIT)). */
export const split = (k: Key, n: number): Key[] => count(n).map((i) => derive(k, i, SPLIT));

/** 0, 1, …, n − 1. */
function count(n: number): number[] {
  precondition(isWord(n), `a number of draws is an integer from 0 to 2^32 − 1, not ${n}`);
  return Array.from({ length: n }, (_, i) => i);
}

/** Block i of a stream, two words: T(k, (i, DRAW)). */
const block = (k: Key, i: number): [number, number] => threefry(k, [i, DRAW]);

/** n words of 32 bits: word j is word j mod 2 of block ⌊j/2⌋. */
export const bits = (k: Key, n: number): number[] => count(n).map((j) => block(k, Math.floor(j / 2))[j % 2]);

/** The i-th of the numbers in [0, 1): the top 53 bits of block i = (a, b), u = (a·2²¹ + ⌊b/2¹¹⌋) / 2⁵³. */
function unit(k: Key, i: number): number {
  const [a, b] = block(k, i);
  return (a * 2 ** 21 + Math.floor(b / 2 ** 11)) / 2 ** 53;
}

/** n numbers low + (high − low)·uᵢ. Below `high` for low = 0, high = 1; otherwise rounding can give `high` itself. */
export function uniform(k: Key, n: number, low = 0, high = 1): Real {
  precondition(Number.isFinite(high - low) && low <= high, `uniform takes finite low ≤ high, not ${low} and ${high}`);
  return array(count(n).map((i) => low + (high - low) * unit(k, i)));
}

/**
 * The i-th standard normal number, by Box and Muller (1958). The pair (2j, 2j + 1) shares a radius and an angle:
 * r = √(−2 ln(1 − u_{2j})), φ = 2π·u_{2j+1};  z_{2j} = r cos φ, z_{2j+1} = r sin φ.
 * 1 − u lies in (0, 1], so the logarithm is finite and |z| ≤ √(2·53·ln 2) ≈ 8.57.
 */
function standardNormal(k: Key, i: number): number {
  const first = i - (i % 2);
  const radius = Math.sqrt(-2 * Math.log(1 - unit(k, first)));
  const angle = 2 * Math.PI * unit(k, first + 1);
  return radius * (i % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
}

/** n numbers mean + sd·zᵢ. */
export function normal(k: Key, n: number, mean = 0, sd = 1): Real {
  precondition(
    Number.isFinite(mean) && Number.isFinite(sd) && sd >= 0,
    'normal takes a finite mean and a finite sd ≥ 0',
  );
  return array(count(n).map((i) => mean + sd * standardNormal(k, i)));
}

/**
 * n numbers sd·zᵢ, z standard normal given |z| ≤ bound, by rejection: round t = 0, 1, … draws with the key foldIn(k, t),
 * and position i keeps the zᵢ of the first round where |zᵢ| ≤ bound. Positions do not disturb each other.
 * A round accepts with probability 2Φ(bound) − 1: 0.95 at bound 2, 0.08 at 0.1, the least bound taken.
 */
export function truncatedNormal(k: Key, n: number, sd = 1, bound = 2): Real {
  precondition(Number.isFinite(sd) && sd >= 0, 'truncatedNormal takes a finite sd ≥ 0');
  precondition(bound >= 0.1, `truncatedNormal takes a bound ≥ 0.1, not ${bound}`);
  return array(
    count(n).map((i) => {
      let round = 0;
      let z = standardNormal(foldIn(k, round), i);
      while (Math.abs(z) > bound) z = standardNormal(foldIn(k, ++round), i);
      return sd * z;
    }),
  );
}

/** A permutation of 0 … n − 1: the order that sorts u₀ … u_{n−1} ascending, of equals the lower position first. */
export function permutation(k: Key, n: number): Int {
  const sortKeys = count(n).map((i) => unit(k, i));
  return intArray(count(n).sort((i, j) => sortKeys[i] - sortKeys[j] || i - j));
}

/**
 * n integers, low ≤ value < high: low + ⌊uᵢ·(high − low)⌋. Each value has probability 1/(high − low) up to 2⁻⁵³.
 * The product never rounds up to high − low ≤ 2³²: u ≤ 1 − 2⁻⁵³, and what is missing is at least half a unit in the last
 * place of a power of two (then exact) and more than half of any other number.
 */
export function integers(k: Key, n: number, low: number, high: number): Int {
  precondition(
    Number.isInteger(low) && Number.isInteger(high) && low >= -(2 ** 31) && high <= 2 ** 31 && low < high,
    `integers takes integers −2^31 ≤ low < high ≤ 2^31, not ${low} and ${high}`,
  );
  return intArray(count(n).map((i) => low + Math.floor(unit(k, i) * (high - low))));
}
