import fc from 'fast-check';

/** Shapes, axes, index vectors and offsets: small, with sizes 0 and 1 common, since that is where loops go wrong. */

export interface ShapeRange {
  readonly minRank?: number;
  readonly maxRank?: number;
  /** Default 0. */
  readonly minSize?: number;
  /** Default 5 up to rank 2, 3 above, so that no tensor is large. */
  readonly maxSize?: number;
}

/** One size; 0 and 1 turn up often. */
export const sizes = (min = 0, max = 5): fc.Arbitrary<number> =>
  fc.oneof(
    { weight: 4, arbitrary: fc.integer({ min, max }) },
    { weight: 1, arbitrary: fc.constantFrom(Math.max(min, 0), Math.min(Math.max(min, 1), max)) },
  );

/** Shapes of rank 0 to 4; about one in seven holds no element, one in five has equal sizes. */
export const shapes = ({ minRank = 0, maxRank = 4, minSize = 0, maxSize }: ShapeRange = {}): fc.Arbitrary<number[]> =>
  fc.integer({ min: minRank, max: maxRank }).chain((rank) => {
    const largest = maxSize ?? (rank <= 2 ? 5 : 3);
    const filled = fc.array(sizes(Math.max(minSize, 1), largest), { minLength: rank, maxLength: rank });
    const any = fc.array(sizes(minSize, largest), { minLength: rank, maxLength: rank });
    // equal sizes hide a wrong axis from every check of shapes
    const equal = fc.integer({ min: 2, max: 3 }).map((size) => new Array<number>(rank).fill(Math.min(size, largest)));
    return fc.oneof({ weight: 3, arbitrary: filled }, { weight: 1, arbitrary: any }, { weight: 1, arbitrary: equal });
  });

/** An axis of a tensor of the given rank, counted from the front or from the end. Needs a rank of at least 1. */
export const axisOf = (rank: number): fc.Arbitrary<number> => fc.integer({ min: -rank, max: rank - 1 });

/** Axes to reduce: none named (all of them), or some, each counted from either end, in any order. */
export const axesOf = (rank: number): fc.Arbitrary<number[] | undefined> => {
  if (rank === 0) return fc.constant(undefined);
  const front = fc.shuffledSubarray(
    Array.from({ length: rank }, (_, axis) => axis),
    { minLength: 1 },
  );
  const some = fc
    .tuple(front, fc.array(fc.boolean(), { minLength: rank, maxLength: rank }))
    .map(([axes, fromEnd]) => axes.map((axis) => (fromEnd[axis] ? axis - rank : axis)));
  return fc.oneof({ weight: 1, arbitrary: fc.constant(undefined) }, { weight: 4, arbitrary: some });
};

/** A shape and one of its axes. */
export const shapeAndAxis = (range: ShapeRange = {}): fc.Arbitrary<{ shape: number[]; axis: number }> =>
  shapes({ minRank: 1, ...range }).chain((shape) => axisOf(shape.length).map((axis) => ({ shape, axis })));

/** `count` shapes that broadcast to one: each may lack leading axes, and have size 1 where the common shape has more. */
export const broadcastShapes = (count: number, range: ShapeRange = {}): fc.Arbitrary<number[][]> =>
  shapes({ maxRank: 3, ...range }).chain((common) => {
    const one = fc
      .tuple(
        fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(common.length) }),
        fc.array(fc.nat(3), { minLength: common.length, maxLength: common.length }),
      )
      .map(([dropped, squash]) => common.map((size, axis) => (squash[axis] === 0 ? 1 : size)).slice(dropped));
    return fc.tuple(...Array.from({ length: count }, () => one));
  });

/** Positions along an axis of the given size: any number of them, with repeats, also none. */
export const indexVectors = (size: number, maxLength = 6): fc.Arbitrary<number[]> =>
  size === 0 ? fc.constant([]) : fc.array(fc.nat(size - 1), { maxLength });

/**
 * Offsets that give each of `experts` experts a range of `rows` rows: 0 = o₀ ≤ o₁ ≤ … ≤ o_E ≤ rows. Experts without rows
 * and rows behind the last expert's are common.
 */
export const offsetsOf = (experts: number, rows: number): fc.Arbitrary<number[]> =>
  fc.array(fc.nat(rows), { minLength: experts, maxLength: experts }).map((ends) => [0, ...ends.sort((a, b) => a - b)]);
