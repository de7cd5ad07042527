import { DivergedError, ShapeError, UsageError } from '../../errors.ts';
import type { Matrix } from '../../linalg/matrix.ts';
import { matrix, transpose } from '../../linalg/matrix.ts';
import { compress } from './sketch.ts';

/** All that an `ExpertColumns` holds, as plain data: write it down, and `ExpertColumns.from` goes on as if never stopped. */
export interface ExpertColumnsState {
  readonly rows: number;
  readonly cap: number;
  /** The columns one after another, `rows` numbers each. */
  readonly columns: Float64Array;
  readonly squaredNorm: number;
  readonly sketchError: number;
}

/**
 * A_i: the columns r that one expert's linear recorded since the last reset.
 *
 * With a cap ℓ > 0, at most 2ℓ columns are held and `matrix()` gives at most ℓ of them (Frequent Directions, `sketch.ts`).
 * ‖A‖²_F is always that of the true columns, with forgetting of the scaled ones, never of the sketch.
 */
export class ExpertColumns {
  readonly rows: number;
  /** ℓ; 0 keeps all columns. */
  readonly cap: number;
  /** Column j at `held[j * rows]`; room beyond `count` columns is spare. */
  #held = new Float64Array(0);
  #count = 0;
  #squaredNorm = 0;
  #sketchError = 0;

  /** @throws UsageError unless rows and cap are whole numbers >= 0. */
  constructor(rows: number, cap = 0) {
    for (const [name, value] of [
      ['rows', rows],
      ['cap', cap],
    ] as const) {
      if (Number.isSafeInteger(value) && value >= 0) continue;
      throw new UsageError({
        operation: 'ExpertColumns',
        received: `${name} ${value}`,
        expected: 'a whole number >= 0',
      });
    }
    this.rows = rows;
    this.cap = cap;
  }

  /** The recorder that `state()` described. @throws ShapeError where its columns are not `rows` numbers each. */
  static from(state: ExpertColumnsState): ExpertColumns {
    const out = new ExpertColumns(state.rows, state.cap);
    const count = state.rows === 0 ? 0 : state.columns.length / state.rows;
    if (!Number.isInteger(count)) {
      throw new ShapeError({
        operation: 'ExpertColumns.from',
        received: `${state.columns.length} numbers`,
        expected: `a multiple of ${state.rows} rows`,
      });
    }
    out.#held = Float64Array.from(state.columns);
    out.#count = count;
    out.#squaredNorm = state.squaredNorm;
    out.#sketchError = state.sketchError;
    return out;
  }

  state(): ExpertColumnsState {
    const { rows, cap, squaredNorm, sketchError } = this;
    return { rows, cap, columns: this.#held.slice(0, this.#count * rows), squaredNorm, sketchError };
  }

  /** Columns held now: all that were added, or at most 2ℓ under a cap. */
  get count(): number {
    return this.#count;
  }

  /** ‖A‖²_F of the true columns. */
  get squaredNorm(): number {
    return this.#squaredNorm;
  }

  /** δ, measured: 0 ≼ AAᵀ − BBᵀ ≼ δI for the held columns B; δ <= ‖A‖²_F / (ℓ + 1), and 0 without a cap or with rows <= ℓ. */
  get sketchError(): number {
    return this.#sketchError;
  }

  /**
   * Adds the columns of `added` ([rows, c]), or one column given as `rows` numbers. An expert without tokens adds none.
   * @throws ShapeError on other rows · DivergedError on a NaN, an infinity, or squares that overflow.
   */
  add(added: Matrix | Float32Array | Float64Array): void {
    const columns = 'data' in added ? added : matrix(added.length, 1, added);
    if (columns.rows !== this.rows) {
      throw new ShapeError({
        operation: 'ExpertColumns.add',
        received: `columns of ${columns.rows} entries`,
        expected: `${this.rows}, as this matrix records`,
      });
    }
    let total = this.#squaredNorm;
    for (const x of columns.data) total += x * x;
    if (!Number.isFinite(total)) {
      throw new DivergedError({
        operation: 'ExpertColumns.add',
        received: 'columns with a NaN, an infinity or squares over the largest number',
        expected: 'finite statistics',
        advice: 'The activations of this expert went bad in this step or before it.',
      });
    }
    this.#squaredNorm = total;
    const byColumn = transpose(columns).data;
    for (let j = 0; j < columns.cols; j++) {
      if (this.cap > 0 && this.#count === 2 * this.cap) this.#shrink();
      this.#append(byColumn.subarray(j * this.rows, (j + 1) * this.rows));
    }
  }

  /**
   * Scales all columns by √λ: AAᵀ ← λ AAᵀ, hence ‖A‖²_F and δ by λ. Call it before `add`, and only in steps that add
   * something: an expert that saw nothing forgets nothing. @throws UsageError unless 0 < λ <= 1.
   */
  forget(lambda: number): void {
    if (!(lambda > 0 && lambda <= 1)) {
      throw new UsageError({ operation: 'ExpertColumns.forget', received: `λ = ${lambda}`, expected: '0 < λ <= 1' });
    }
    if (lambda === 1) return;
    const root = Math.sqrt(lambda);
    for (let k = 0; k < this.#count * this.rows; k++) this.#held[k]! *= root;
    this.#squaredNorm *= lambda;
    this.#sketchError *= lambda;
  }

  /** Forgets everything. */
  reset(): void {
    this.#count = 0;
    this.#squaredNorm = 0;
    this.#sketchError = 0;
  }

  /** A, [rows, columns], oldest first; under a cap B with at most ℓ columns, shrunk first if more are waiting. A copy. */
  matrix(): Matrix {
    if (this.cap > 0 && this.#count > this.cap) this.#shrink();
    return transpose(matrix(this.#count, this.rows, this.#held.subarray(0, this.#count * this.rows)));
  }

  #append(column: Float64Array): void {
    const needed = (this.#count + 1) * this.rows;
    if (needed > this.#held.length) {
      const grown = new Float64Array(Math.max(2 * this.#held.length, needed));
      grown.set(this.#held);
      this.#held = grown;
    }
    this.#held.set(column, this.#count * this.rows);
    this.#count++;
  }

  #shrink(): void {
    const held = transpose(matrix(this.#count, this.rows, this.#held.subarray(0, this.#count * this.rows)));
    const { columns, loss } = compress(held, this.cap);
    this.#held.set(transpose(columns).data);
    this.#count = columns.cols;
    this.#sketchError += loss;
  }
}
