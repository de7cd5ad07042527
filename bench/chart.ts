import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { strokeOf } from '../src/report/charts.ts';
import type { Statistics } from './sample.ts';

/** Times as dots on a logarithmic axis, a row for each case, a colour for each device or library, quartiles as lines. */
export interface Chart {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly { readonly row: string; readonly series: string; readonly time: Statistics }[];
}

const [lane, labels, top] = [18, 470, 64];

/** An SVG file. */
export function chart({ title, unit, rows }: Chart): string {
  const names = [...new Set(rows.map(({ row }) => row))];
  const series = [...new Set(rows.map((each) => each.series))];
  const points = rows.map(({ row, series: name, time }) => ({ row, name, ...time }));
  const colour = (name: string) => strokeOf(series.indexOf(name)).stroke;
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  const svg = Plot.plot({
    document,
    width: 1100,
    height: top + 40 + lane * names.length,
    ...{ marginLeft: labels, marginTop: top, marginRight: 30 },
    x: { type: 'log', label: unit, grid: true, tickFormat: String },
    y: { type: 'point', domain: names, label: null, tickSize: 0 },
    marks: [
      Plot.ruleY(points, {
        y: 'row',
        x1: 'low',
        x2: 'high',
        stroke: (p) => colour(p.name),
        strokeWidth: 3,
        strokeOpacity: 0.5,
      }),
      Plot.dot(points, { y: 'row', x: 'median', fill: (p) => colour(p.name), r: 4 }),
    ],
  });
  const text = (x: number, y: number, content: string, fill: string) => {
    const element = document.createElementNS('http://www.w3.org/2000/svg', 'text');
    for (const [name, value] of Object.entries({ x, y, fill, 'font-size': 12, 'text-anchor': 'start' }))
      element.setAttribute(name, String(value));
    element.textContent = content;
    svg.append(element);
  };
  text(8, 16, title, 'currentColor');
  let x = 8;
  for (const name of series) {
    text(x, 36, `● ${name}`, colour(name) as string);
    x += 28 + 7 * name.length;
  }
  svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', title);
  svg.setAttribute('style', 'background: white; color: black');
  return `${svg.outerHTML}\n`;
}
