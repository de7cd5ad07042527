import type { StepEvent } from '../train/types.ts';

/** One curve: a value over training steps, its mean over seeds and the range that the seeds span. */
export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly step: number;
  readonly mean: number;
  readonly low: number;
  readonly high: number;
}

/** More points than this do not show on a page. */
const mostPoints = 75;

/**
 * A value of the training log as curves, one a method, in the order given. Neighbouring steps are averaged within each
 * seed first, so that the band shows how seeds differ and not how batches do. A step that was trained again after a
 * crash counts once. A value that is not finite breaks the curve there.
 *
 * @param value what to draw; events without it are left out
 */
export function seedCurves(
  events: readonly StepEvent[],
  methods: readonly string[],
  value: (event: StepEvent) => number | undefined,
): Curve[] {
  return methods.map((name) => {
    const bySeed = new Map<number, Map<number, number>>();
    for (const event of events) {
      const y = event.method === name ? value(event) : undefined;
      if (y === undefined) continue;
      const steps = bySeed.get(event.seed) ?? new Map<number, number>();
      bySeed.set(event.seed, steps.set(event.step, y));
    }
    const all = new Set([...bySeed.values()].flatMap((steps) => [...steps.keys()]));
    const ordered = [...all].sort((a, b) => a - b);
    const width = Math.max(1, Math.ceil(ordered.length / mostPoints));
    const points: CurvePoint[] = [];
    for (let start = 0; start < ordered.length; start += width) {
      const bin = ordered.slice(start, start + width);
      const means = [...bySeed.values()]
        .map((steps) => bin.flatMap((step) => steps.get(step) ?? []))
        .filter((values) => values.length > 0)
        .map(average);
      points.push({ step: average(bin), mean: average(means), low: Math.min(...means), high: Math.max(...means) });
    }
    return { name, points };
  });
}

const average = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length;
