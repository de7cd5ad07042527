import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import type { Curve } from './curves.ts';

/**
 * The colours of Okabe and Ito, which colour-blind readers tell apart, without the yellow and the black that vanish on
 * a white or a dark page. Dashes tell curves apart in grey as well.
 */
const palette = ['#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9', '#8C8C8C'];
const dashes = ['', '6 3', '2 3', '8 3 2 3', '12 4'];

/** How the i-th curve is drawn, in the chart and in the legend. */
export const strokeOf = (index: number) => ({
  stroke: palette[index % palette.length],
  // The dash changes with each curve, so that neighbours differ twice.
  strokeDasharray: dashes[index % dashes.length],
});

export interface ChartText {
  /** Unique in the page. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
}

/** Curves with the band that the seeds span, as an SVG element in text. */
export function lineChart(curves: readonly Curve[], text: ChartText & { readonly axis: string }): string {
  const document = blankDocument();
  const svg = Plot.plot({
    document,
    width: 760,
    height: 320,
    marginLeft: 52,
    x: { label: 'step' },
    y: { label: text.axis, grid: true, nice: true },
    marks: [
      ...curves.map(({ points }, index) =>
        // A band of one seed has no height; the line on top is enough.
        Plot.areaY(points.filter(drawable), {
          x: 'step',
          y1: 'low',
          y2: 'high',
          fill: strokeOf(index).stroke,
          fillOpacity: 0.16,
        }),
      ),
      ...curves.map(({ points }, index) =>
        Plot.lineY(points, { x: 'step', y: (point) => finite(point.mean), strokeWidth: 2, ...strokeOf(index) }),
      ),
    ],
  });
  return accessible(svg, text, document);
}

/** Beyond so many experts the values no longer fit into their cells. */
const mostPrinted = 16;

/**
 * Expert by expert, as coloured cells with their values: cividis, which runs from dark blue to yellow and reads the same
 * to colour-blind eyes.
 *
 * @param matrix [expert][expert]
 * @param domain the values of the darkest and the lightest colour; the same for all methods, so that charts compare
 */
export function heatMap(
  matrix: readonly (readonly number[])[],
  domain: readonly [number, number],
  text: ChartText,
): string {
  const document = blankDocument();
  const cells = matrix.flatMap((row, i) => row.map((value, j) => ({ i, j, value })));
  const [low, high] = domain;
  const experts = matrix.length;
  const side = Math.max(140, Math.min(420, 46 * experts)) + 40;
  const svg = Plot.plot({
    document,
    width: side,
    height: side,
    margin: 32,
    padding: 0.04,
    x: { label: 'expert', tickSize: 0, domain: range(experts) },
    y: { label: 'expert', tickSize: 0, domain: range(experts) },
    color: { type: 'linear', scheme: 'cividis', domain: [low, high], clamp: true, unknown: '#999' },
    marks: [
      Plot.cell(cells, { x: 'j', y: 'i', fill: (cell) => finite(cell.value) }),
      experts > mostPrinted
        ? null
        : Plot.text(cells, {
            x: 'j',
            y: 'i',
            text: (cell) =>
              Number.isFinite(cell.value) ? cell.value.toFixed(high - low < 0.1 ? 3 : 2) : String(cell.value),
            // White on the dark half of the scale, black on the light one.
            fill: (cell) => ((cell.value - low) / (high - low) < 0.5 ? '#fff' : '#000'),
          }),
    ],
  });
  return accessible(svg, text, document);
}

/** The range of the off-diagonal values of all matrices; the diagonal is 1 and would hide the rest. */
export function sharedDomain(matrices: readonly (readonly (readonly number[])[])[]): [number, number] {
  const values = matrices.flatMap((m) => m.flatMap((row, i) => row.filter((x, j) => i !== j && Number.isFinite(x))));
  const low = Math.min(1, ...values);
  return low < 1 ? [low, 1] : [0, 1];
}

interface DrawnElement {
  setAttribute(name: string, value: string): void;
  prepend(...nodes: unknown[]): void;
  readonly outerHTML: string;
}

/** Plot draws into any document; linkedom's is one without a browser. */
function blankDocument(): Document {
  return parseHTML('<!doctype html><html><body></body></html>').document;
}

/** Gives a drawing the name and the description that a screen reader speaks. */
function accessible(svg: DrawnElement, { id, title, description }: ChartText, document: Document): string {
  const name = document.createElementNS('http://www.w3.org/2000/svg', 'title');
  name.id = `${id}-title`;
  name.textContent = title;
  const long = document.createElementNS('http://www.w3.org/2000/svg', 'desc');
  long.id = `${id}-desc`;
  long.textContent = description;
  svg.prepend(name, long);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-labelledby', `${id}-title ${id}-desc`);
  return svg.outerHTML;
}

const range = (n: number) => Array.from({ length: n }, (_, i) => i);
const finite = (value: number) => (Number.isFinite(value) ? value : undefined);
const drawable = ({ low, high }: { low: number; high: number }) => Number.isFinite(low) && Number.isFinite(high);
