import type { LinearReport } from '../optim/omoe-report.ts';
import type { StepEvent } from './types.ts';

/** What the expert linears' reports of an orthogonal step come to. */

/** Averages over experts and expert linears; empty in steps without projection. */
export function averageReport(
  reports: readonly LinearReport[],
): Pick<StepEvent, 'normKept' | 'trace' | 'leakage' | 'renormFactor'> {
  if (reports.length === 0) return {};
  const over = (pick: (report: LinearReport) => readonly (number | null)[]): number | undefined => {
    const values = reports.flatMap(pick).filter((value) => value !== null);
    return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
  };
  return {
    normKept: over((report) => report.normKept),
    trace: over((report) => report.trace),
    leakage: over((report) => report.leakage),
    renormFactor: over((report) => report.renormFactor),
  };
}

export function* warningsOf(reports: readonly LinearReport[], plasticity: number): Generator<string> {
  for (const { linear, trace, vanished } of reports) {
    if (trace.some((share) => share < plasticity))
      yield `${linear}: trace(Q)/d fell below ${plasticity}; little room is left to learn in. Try a larger alpha or resetEachCycle.`;
    if (vanished.some(Boolean))
      yield `${linear}: an update lay almost wholly in the protected span and was not rescaled.`;
  }
}
