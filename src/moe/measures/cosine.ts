import { ShapeError } from '../../errors.ts';
import { checkOutputs, type ExpertOutputs, outputsOf } from './outputs.ts';
import { everyPair, type PairMeasure } from './pairs.ts';

/*
 * Cosine similarity, cos(a, b) = ⟨a, b⟩ / (‖a‖ ‖b‖), in [−1, 1].
 *
 * A zero vector has no direction. Its cosine with anything, another zero vector included, is 0 here: it is no evidence
 * that two experts are alike. An expert compared with itself is 1 by definition.
 */

/**
 * Cosine of expert outputs: for each pair of experts the mean over tokens of cos(y_i(t), y_j(t)), and the mean of that
 * over the pairs.
 *
 * With one expert there is no pair and the mean is NaN; with no tokens every pair, and so the mean, is NaN.
 * A NaN in an output stays visible in each pair of its expert.
 *
 * @throws ShapeError if sizes and data disagree
 */
export function outputCosine(outputs: ExpertOutputs): PairMeasure {
  checkOutputs('outputCosine', outputs);
  const { experts, tokens, width } = outputs;
  const directions = Array.from({ length: experts }, (_, expert) => unitRows(outputsOf(outputs, expert), width));

  return everyPair(experts, (i, j) => {
    let sum = 0;
    for (let token = 0; token < tokens; token++) {
      sum += cosineOfUnits(directions[i], directions[j], token * width, width);
    }
    return sum / tokens;
  });
}

/**
 * Mean pairwise cosine of the experts' weights, each expert's matrices flattened into one vector.
 * Upcycled copies start at 1 and mostly stay near it, since training moves weights little; see {@link weightDeltaCosine}.
 *
 * @param weights one vector an expert, all of one length; NaN for a single expert
 * @throws ShapeError if there is no expert or the lengths differ
 */
export function weightCosine(weights: readonly Float64Array[]): number {
  return flatCosine('weightCosine', weights);
}

/**
 * Mean pairwise cosine of what training has done to the weights, W_i − W_i,base.
 * `null` before the first step, when no expert has moved. An expert that alone has not moved counts as 0 in its pairs.
 *
 * @param weights one vector an expert
 * @param base the upcycled weights: one vector for all (an exact copy), or one an expert (a noisy copy)
 * @throws ShapeError if there is no expert or the lengths differ
 */
export function weightDeltaCosine(
  weights: readonly Float64Array[],
  base: Float64Array | readonly Float64Array[],
): number | null {
  const bases = base instanceof Float64Array ? weights.map(() => base) : base;
  if (bases.length !== weights.length) {
    throw new ShapeError({
      operation: 'weightDeltaCosine',
      received: `${weights.length} experts and ${bases.length} bases`,
      expected: 'one base for all experts, or one for each',
    });
  }
  checkSameLength('weightDeltaCosine', [...weights, ...bases]);

  const deltas = weights.map((weight, expert) => weight.map((w, index) => w - bases[expert][index]));
  if (deltas.every((delta) => delta.every((d) => d === 0))) return null;
  return flatCosine('weightDeltaCosine', deltas);
}

function flatCosine(operation: string, vectors: readonly Float64Array[]): number {
  checkSameLength(operation, vectors);
  const length = vectors[0].length;
  const directions = vectors.map((vector) => unitRows(vector, length));
  return everyPair(vectors.length, (i, j) => cosineOfUnits(directions[i], directions[j], 0, length)).mean;
}

/** Each row of [rows, width] divided by its length; rows of zeros stay zeros. */
function unitRows(matrix: Float64Array, width: number): Float64Array {
  const units = Float64Array.from(matrix);
  for (let start = 0; start < units.length; start += width) {
    const row = units.subarray(start, start + width);
    // Largest entry first: squares of very large or very small numbers leave the range of Float64.
    let largest = 0;
    for (const x of row) largest = Math.max(largest, Math.abs(x));
    if (largest === 0) continue;
    let squares = 0;
    for (const x of row) squares += (x / largest) ** 2;
    const norm = Math.sqrt(squares);
    for (let index = 0; index < row.length; index++) row[index] = row[index] / largest / norm;
  }
  return units;
}

/** ⟨a, b⟩ of two unit (or zero) vectors; rounding may carry it a little past ±1, where no cosine is. */
function cosineOfUnits(a: Float64Array, b: Float64Array, start: number, width: number): number {
  let sum = 0;
  for (let index = start; index < start + width; index++) sum += a[index] * b[index];
  return Math.max(-1, Math.min(1, sum));
}

function checkSameLength(operation: string, vectors: readonly Float64Array[]): void {
  const lengths = [...new Set(vectors.map((vector) => vector.length))];
  if (lengths.length !== 1 || lengths[0] === 0) {
    throw new ShapeError({
      operation,
      received: vectors.length === 0 ? 'no expert' : `vectors of ${lengths.join(', ')} weights`,
      expected: 'at least one expert, all with the same number of weights',
    });
  }
}
