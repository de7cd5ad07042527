import { encodeJson } from '../train/json.ts';
import type { CompareResult, Measure } from '../train/result.ts';
import type { MethodRun, StepEvent } from '../train/types.ts';
import { heatMap, lineChart, sharedDomain, strokeOf } from './charts.ts';
import { type Curve, seedCurves } from './curves.ts';
import { csv, escapeHtml, foldedText, htmlPage, htmlTable } from './page.ts';
import {
  columnNotes,
  differenceNote,
  differenceSentence,
  explained,
  honestLabel,
  number,
  summaryTable,
  upcycleSentences,
} from './summary.ts';

/**
 * The report of a comparison: one HTML file that needs nothing else, with every chart's numbers beside it as CSV.
 * The same input gives the same bytes.
 *
 * @param result the document of result.json
 * @param events the training log; charts of what it does not hold are left out
 * @param runs the single runs, for the table of each seed
 */
export function renderReport(result: CompareResult, events: readonly StepEvent[], runs: readonly MethodRun[]): string {
  const methods = Object.keys(result.methods);
  const label = honestLabel(result);
  const sections = [
    `<h1>${escapeHtml(title(result))}</h1>`,
    label === undefined ? '' : `<p class="label">${escapeHtml(label)}</p>`,
    resultSection(result),
    curveSection(
      'loss',
      'Loss',
      'Task loss while fine-tuning, after the upcycle',
      'task loss',
      seedCurves(events, methods, (e) => e.taskLoss),
    ),
    heatSection(result),
    curveSection(
      'kept',
      'Norm kept',
      'Share of the update’s length that the projection left, in orthogonal steps',
      'norm kept',
      seedCurves(events, methods, (e) => e.normKept),
    ),
    curveSection(
      'dense',
      'The dense model',
      'Task loss of the dense model that each seed’s methods start from',
      'task loss',
      seedCurves(events, ['dense'], (e) => e.taskLoss),
    ),
    seedSection(result, runs),
    planSection(result),
  ];
  return htmlPage(title(result), sections.filter(Boolean).join('\n'));
}

const title = (result: CompareResult) => `omoe compare: ${result.task}`;

function resultSection(result: CompareResult): string {
  const { columns, rows } = summaryTable(result);
  const metricName = Object.values(result.methods)[0].metric.name;
  const seeds = result.seeds.length === 1 ? 'one seed, so no interval' : `${result.seeds.length} seeds`;
  const differences = result.differences.map((d) => `<li>${escapeHtml(differenceSentence(d, metricName))}</li>`);
  const warnings = Object.entries(result.methods).flatMap(([name, { warnings }]) =>
    warnings.map((w) => `<li>${escapeHtml(`${name}: ${w}`)}</li>`),
  );
  const list = (heading: string, items: string[]) =>
    items.length === 0 ? '' : `<h3>${heading}</h3><ul>${items.join('')}</ul>`;
  return [
    '<h2>Result</h2>',
    htmlTable(columns, rows, `Mean over ${seeds}`),
    `<p>${columnNotes(result).map(escapeHtml).join('<br>')}</p>`,
    list('Differences, paired by seed', differences),
    differences.length === 0 ? '' : `<p>${differenceNote}</p>`,
    `<p>${upcycleSentences(result).map(escapeHtml).join('<br>')}</p>`,
    list('Warnings', warnings),
  ].join('\n');
}

function curveSection(
  id: string,
  heading: string,
  description: string,
  axis: string,
  curves: readonly Curve[],
): string {
  const drawn = curves.filter(({ points }) => points.length > 0);
  if (drawn.length === 0) return '';
  // A curve keeps its colour from chart to chart: an empty one holds its place.
  const legend = curves.flatMap(({ name, points }, index) => (points.length === 0 ? [] : [legendItem(name, index)]));
  const rows = drawn.flatMap(({ name, points }) =>
    points.map(({ step, mean, low, high }) => [name, step, mean, low, high]),
  );
  const chart = lineChart(curves, {
    id,
    title: heading,
    description: `${description}; mean over seeds, band from the lowest to the highest seed.`,
    axis,
  });
  return [
    `<h2>${heading}</h2>`,
    `<p>${escapeHtml(description)}. Line: mean over seeds; band: lowest to highest seed.</p>`,
    `<ul class="legend">${legend.join('')}</ul>`,
    `<figure>${chart}</figure>`,
    foldedText('Data (CSV)', csv([['method', 'step', 'mean', 'low', 'high'], ...rows])),
  ].join('\n');
}

function legendItem(name: string, index: number): string {
  const { stroke, strokeDasharray } = strokeOf(index);
  const line = `<line x1="0" y1="6" x2="32" y2="6" stroke="${stroke}" stroke-width="3" stroke-dasharray="${strokeDasharray}"/>`;
  return `<li><svg width="32" height="12" aria-hidden="true">${line}</svg>${escapeHtml(name)}</li>`;
}

function heatSection(result: CompareResult): string {
  const methods = Object.entries(result.methods).filter(([, { similarity }]) => similarity.length > 0);
  if (methods.length === 0) return '';
  const domain = sharedDomain(methods.map(([, { similarity }]) => similarity));
  const maps = methods.map(([name, { similarity }], index) => {
    const description = `Output cosine of each pair of ${similarity.length} experts trained with ${name}, on the dev tokens.`;
    return `<figure><h3>${escapeHtml(name)}</h3>${heatMap(similarity, domain, { id: `map-${index}`, title: `Expert similarity: ${name}`, description })}</figure>`;
  });
  const rows = methods.flatMap(([name, { similarity }]) =>
    similarity.flatMap((row, i) => row.map((value, j) => [name, i, j, value])),
  );
  return [
    '<h2>Expert similarity</h2>',
    `<p>Cosine of two experts’ outputs for the same dev token, averaged over tokens, layers and seeds. 1: they answer alike. Colours run from ${number(domain[0], 2)} (dark) to ${number(domain[1], 2)} (light) in all maps.</p>`,
    `<div class="maps">${maps.join('\n')}</div>`,
    foldedText('Data (CSV)', csv([['method', 'expert', 'other', 'cosine'], ...rows])),
  ].join('\n');
}

function seedSection(result: CompareResult, runs: readonly MethodRun[]): string {
  if (runs.length === 0) return '';
  const order = Object.keys(result.methods);
  const sorted = [...runs].sort((a, b) => a.seed - b.seed || order.indexOf(a.method) - order.indexOf(b.method));
  const metricName = Object.values(result.methods)[0].metric.name;
  const shown = ['method', 'seed', metricName, 'output cosine', 'load CV', 'dead experts'];
  const columns = [...shown, 'upcycle error', 'rounding explains'];
  const rows = sorted.map((run) => [
    run.method,
    String(run.seed),
    number(run.metric),
    number(run.outputCosine),
    number(run.routing.loadCv),
    number(run.routing.deadExperts, 0),
    `${run.upcycleError.toExponential(1)}${explained(run) ? '' : ' (!)'}`,
    run.upcycleBound === null ? '-' : run.upcycleBound.toExponential(1),
  ]);
  const caption =
    'Upcycle error: largest |MoE − FFN| right after the copy, (!) where rounding does not explain it; - where nothing was copied, or the copy is not exact';
  return `<h2>Each seed</h2>\n${htmlTable(columns, rows, caption)}`;
}

const metricOf = ({ methods }: CompareResult, measure: Measure | null | undefined): string =>
  measure ? `${Object.values(methods)[0].metric.name} ${number(measure.mean)}` : '-';

function planSection(result: CompareResult): string {
  const { plan, data, parameters } = result;
  const facts = [
    ['task', result.task],
    ['data', `${data.source}: ${data.train} training and ${data.dev} dev examples`],
    ['steps', `${result.steps} after ${plan.denseSteps} dense ones, batch ${plan.batch}`],
    ['seeds', result.seeds.join(', ')],
    [
      'model',
      Object.entries(plan.model)
        .map(([name, value]) => `${name} ${value}`)
        .join(', '),
    ],
    ['parameters', parameters === null ? '-' : `${parameters.dense} dense, ${parameters.moe} MoE`],
    ['dense model', metricOf(result, result.dense)],
    ['most frequent answer alone', metricOf(result, result.constant)],
    ['ran on', `backend ${result.backend}, ${result.threads} process(es), Node ${result.node}`],
  ];
  return [
    '<h2>Plan</h2>',
    htmlTable(['what', 'value'], facts, 'What was run'),
    `<p>To repeat it: <code>${escapeHtml(result.command)}</code></p>`,
    foldedText('The whole plan (JSON)', encodeJson(plan, 2)),
  ].join('\n');
}
