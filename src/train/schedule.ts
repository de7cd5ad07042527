import type { TrainingPool } from './pool.ts';
import type { ComparePlan, DenseModel, MethodRun } from './types.ts';

export interface ComparisonListener {
  onDense(model: DenseModel): void;
  /** Awaited, so that a run is on disk before the next job starts in its place. */
  onRun(run: MethodRun): Promise<void>;
}

/** A piece of work; it resolves to the jobs that can start once it is done. */
type Job = () => Promise<Job[]>;

/**
 * Trains every method at every seed: for each seed first the dense model, then its methods from that one model.
 * All processes stay busy as long as there is work; methods go before the dense models of later seeds, so that few
 * dense models are held at a time. The order in which jobs end never changes a number: each depends on the plan and its seed alone.
 *
 * The first job that fails ends the comparison; what `onRun` has kept stays.
 *
 * @returns the runs, by seed and then by method in the order of the plan
 * @throws what the first failing job threw
 */
export async function runComparison(
  plan: ComparePlan,
  pool: TrainingPool,
  listener: ComparisonListener,
): Promise<MethodRun[]> {
  const runs: MethodRun[] = [];
  const methodsOf = (seed: number, dense: DenseModel): Job[] =>
    plan.methods.map((method) => async () => {
      const run = await pool.trainMethod(plan, seed, method, dense);
      await listener.onRun(run);
      runs.push(run);
      return [];
    });
  const denseJobs = plan.seeds.map(
    (seed): Job =>
      async () => {
        const dense = await pool.trainDense(plan, seed);
        listener.onDense(dense);
        return methodsOf(seed, dense);
      },
  );

  const methods: Job[] = [];
  const waiting = () => methods.length + denseJobs.length;
  let failed = false;
  await new Promise<void>((resolve, reject) => {
    let running = 0;
    const fill = () => {
      while (!failed && running < pool.processes && waiting() > 0) {
        const job = methods.shift() ?? denseJobs.shift()!;
        running++;
        job().then(
          (next) => {
            running--;
            methods.push(...next);
            fill();
          },
          (error: unknown) => {
            failed = true;
            reject(error);
          },
        );
      }
      if (!failed && running === 0 && waiting() === 0) resolve();
    };
    fill();
  });

  const order = (run: MethodRun) =>
    plan.seeds.indexOf(run.seed) * plan.methods.length + plan.methods.findIndex(({ name }) => name === run.method);
  return runs.sort((a, b) => order(a) - order(b));
}
