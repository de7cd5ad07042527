import { claimAtMost, claimWithin } from './within.ts';

/** What the claims of one law have shown: how much of its bound each quantity used, and how often nothing could be said. */
export class ClaimUsage {
  readonly #used = new Map<string, number>();
  readonly #asked = new Map<string, { all: number; undecided: number }>();

  note(quantity: string, share: number): void {
    this.#used.set(quantity, Math.max(this.#used.get(quantity) ?? 0, share));
  }

  ask(quantity: string, decided: boolean): void {
    const asked = this.#asked.get(quantity) ?? { all: 0, undecided: 0 };
    this.#asked.set(quantity, { all: asked.all + 1, undecided: asked.undecided + Number(!decided) });
  }

  /** max(error/bound) by quantity. A bound that is never approached says nothing. */
  used(): Record<string, number> {
    return Object.fromEntries(this.#used);
  }

  /** By quantity, how often it was met, and how often it could not be decided. */
  asked(): Record<string, { readonly all: number; readonly undecided: number }> {
    return Object.fromEntries(this.#asked);
  }
}

/** What a law claims of numbers, noted as it is claimed. `quantity` names what is compared where a law compares several. */
export interface Claims {
  /** `claimWithin` of kit/within.ts. */
  readonly claimWithin: (...given: [...Parameters<typeof claimWithin>, quantity?: string]) => void;
  /** `claimAtMost` of kit/within.ts. */
  readonly claimAtMost: (...given: [...Parameters<typeof claimAtMost>, quantity?: string]) => void;
  /**
   * Whether something can be claimed at all, as it is given: no where rounding decides, or a bound would say nothing. It is
   * counted, and a law of which too much is undecided does not hold (`mostUndecided`).
   */
  readonly decidable: (quantity: string, condition: boolean) => boolean;
}

export const claimsInto = (seen: ClaimUsage): Claims => ({
  claimWithin: (actual, expected, bound, what, quantity = all) =>
    seen.note(quantity, claimWithin(actual, expected, bound, what)),
  claimAtMost: (value, limit, slack, what, quantity = all) =>
    seen.note(quantity, claimAtMost(value, limit, slack, what)),
  decidable(quantity, condition) {
    seen.ask(quantity, condition);
    return condition;
  },
});

/** The name under which a law notes what it does not tell apart. */
const all = 'all';
