/** A place where one case runs alone: a fresh process, or a fresh browser. */
export interface Runs {
  run<T>(task: Task, text: string): Promise<{ result?: T; error?: string }>;
  close(): Promise<void>;
}
export type Task = 'probe' | 'measure' | 'profile';
