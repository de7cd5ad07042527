import { type LawResult, type ReportDocument, reportDocument, runConformance } from 'omoe/conformance';
import { type BackendRequest, loadBackend } from './backends.ts';

/** The conformance kit, as anybody runs it. */

export interface LawLine extends Pick<LawResult, 'law' | 'section' | 'dtype' | 'outcome' | 'milliseconds'> {
  readonly required: boolean;
  /** Why it is skipped, or how it fails. */
  readonly text: string;
}
export interface ConformanceReport {
  readonly backend: string;
  readonly mode: string;
  readonly renderer: string;
  readonly laws: readonly LawLine[];
  readonly needlessSkips: readonly string[];
  readonly bounds: readonly { readonly operation: string; readonly used: Readonly<Record<string, number | null>> }[];
  readonly passed: boolean;
  /** The same as `omoe conform --json` prints. */
  readonly document: ReportDocument;
}

/** The global `laws` grows while it runs. */
export async function conform(request: BackendRequest, runs: number): Promise<ConformanceReport> {
  const laws: LawLine[] = [];
  Object.assign(globalThis, { laws });
  const report = await runConformance({
    create: () => loadBackend(request),
    runs,
    onLaw({ law, section, dtype, outcome, required, reason, error, milliseconds }) {
      laws.push({ law, section, dtype, outcome, required, milliseconds, text: error?.message ?? reason ?? '' });
    },
  });
  const { backend, needlessSkips, bounds, passed } = report;
  const { name, device } = backend;
  const chromium = /Chrome\/[\d.]+/.exec(navigator.userAgent)?.[0] ?? navigator.userAgent;
  const document = reportDocument(`${name}:${device.mode}`, chromium.replace('Chrome/', 'Chromium '), report);
  return { backend: name, mode: device.mode, renderer: device.name, laws, needlessSkips, bounds, passed, document };
}
