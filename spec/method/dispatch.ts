/**
 * Dispatch and combine: tokens are carried to their experts, and the experts' answers back.
 *
 * A token with k experts takes k *slots*. An expert with a *capacity* C serves at most C of them. The others are dropped:
 * they add nothing, and the token passes on through the residual connection.
 */
import { fromFunction, type Int, intArray, precondition, type Real, zeros } from '../array.ts';

/** One served slot: which token, and which of its k choices. */
export interface Slot {
  readonly token: number;
  readonly slot: number;
}

export interface Assignment {
  /** For each expert the slots that it serves, in the order in which they were filled. */
  readonly served: readonly (readonly Slot[])[];
  /** [expert]: how many slots asked for the expert, dropped ones included. */
  readonly load: Int;
  /** Slots that found their expert full: Σ_e max(0, load_e − C). */
  readonly dropped: number;
}

/**
 * C = ⌈capacityFactor · n · k / E⌉, n the tokens that are not padding. `null` means dropless: C = ∞.
 * A factor of 1 is just enough when all experts are asked equally often.
 *
 * What is whole shall stay whole: 0.6 · 45 is 27 and 5/3 · 3 is 5, though as binary fractions 0.6 or 5/3 may be a little more. c
 * stands for the real number that Float64 has rounded to it; the least of those is above c(1 − u), u = 2⁻⁵³, with which the
 * quotient is formed, in whole numbers: c is one over a power of two.
 */
export function capacityOf(capacityFactor: number | null, tokens: number, k: number, experts: number): number {
  if (capacityFactor === null) return Number.POSITIVE_INFINITY;
  precondition(
    Number.isFinite(capacityFactor) && capacityFactor > 0,
    `capacityFactor is a number above 0, or null for dropless routing; not ${capacityFactor}`,
  );
  let [whole, scale] = [capacityFactor, 1n];
  while (!Number.isInteger(whole)) [whole, scale] = [2 * whole, 2n * scale];
  const above = BigInt(whole) * (2n ** 53n - 1n) * BigInt(tokens * k);
  const below = scale * 2n ** 53n * BigInt(experts);
  return Number((above + below - 1n) / below);
}

/**
 * Slots are filled in token order: all choices of token 0, most probable first, then those of token 1, and so on.
 *
 * @param chosen [token, slot], the experts of each token; −1 (padding) asks nobody
 * @throws SpecError for a choice that is no expert
 */
export function assign(chosen: Int, experts: number, capacity = Number.POSITIVE_INFINITY): Assignment {
  precondition(chosen.shape.length === 2, `choices are [token, slot], not [${chosen.shape}]`);
  precondition(capacity >= 0, `a capacity is not negative: ${capacity}`);
  const served: Slot[][] = Array.from({ length: experts }, () => []);
  const load = intArray(new Array<number>(experts).fill(0));
  let dropped = 0;
  for (let token = 0; token < chosen.shape[0]; token++) {
    for (let slot = 0; slot < chosen.shape[1]; slot++) {
      const expert = chosen.get(token, slot);
      if (expert === -1) continue;
      precondition(expert >= 0 && expert < experts, `token ${token} chose expert ${expert} of ${experts}`);
      load.set(expert, load.get(expert) + 1);
      if (served[expert].length < capacity) served[expert].push({ token, slot });
      else dropped += 1;
    }
  }
  return { served, load, dropped };
}

/** What each expert reads: the rows x_t of the tokens that it serves. One [served, width] matrix an expert. */
export function dispatch(x: Real, assignment: Assignment): Real[] {
  return assignment.served.map((slots) =>
    fromFunction([slots.length, x.shape[1]], ([row, j]) => x.get(slots[row].token, j)),
  );
}

/**
 * y_t = Σ over the served slots of t:  g_{t, expert} · (the expert's row for t).
 *
 * @param outputs one [served, width] matrix an expert, rows as `dispatch` gave them
 * @param gates [token, expert]
 */
export function combine(outputs: readonly Real[], gates: Real, assignment: Assignment): Real {
  precondition(outputs.length === assignment.served.length, 'there is one output matrix for each expert');
  const width = outputs[0]?.shape[1] ?? 0;
  const y = zeros([gates.shape[0], width]);
  assignment.served.forEach((slots, expert) => {
    slots.forEach(({ token }, row) => {
      for (let j = 0; j < width; j++) {
        y.set(token, j, y.get(token, j) + gates.get(token, expert) * outputs[expert].get(row, j));
      }
    });
  });
  return y;
}
