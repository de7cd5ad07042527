/** max(error/bound) by law and operation: an operation that never comes near its bound has an empty one. */
export class BoundUsage {
  readonly #largest = new Map<string, Map<string, number>>();

  note(column: string, operation: string, ratio: number): void {
    const row = this.#largest.get(operation) ?? new Map<string, number>();
    row.set(column, Math.max(row.get(column) ?? 0, ratio));
    this.#largest.set(operation, row);
  }

  of(column: string, operation: string): number | undefined {
    return this.#largest.get(operation)?.get(column);
  }

  /** The columns, in the order in which they were first seen. */
  columns(): string[] {
    return [...new Set([...this.#largest.values()].flatMap((row) => [...row.keys()]))];
  }

  operations(): string[] {
    return [...this.#largest.keys()];
  }
}
