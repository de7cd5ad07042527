/** Types of serve.mjs for our own side, which is TypeScript. */
export interface Task<Spec> {
  readonly spec: Spec;
  readonly threads: number;
  input(name: string): Float32Array;
  shape(name: string): readonly number[];
  output(name: string, data: ArrayLike<number>): void;
}
export declare const mark: string;
export declare const paths: readonly string[];
export declare function serve<Spec>(
  prepare: (task: Task<Spec>) => Promise<{ version: string; call: () => Promise<unknown> } | { cannot: string }>,
): void;
