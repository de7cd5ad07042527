import { describe, expect, it } from 'vitest';
import { chart } from './chart.ts';
import type { Measured } from './measure.ts';
import { statisticsOf } from './sample.ts';
import { spread, table } from './table.ts';

const measured = (more: Partial<Measured>): Measured => ({
  ...{ name: 'matmul', size: 64, title: 'matmul 64 × 64 × 64', device: 'wasm', backend: 'wasm', mode: 'relaxed' },
  ...{ adapter: 'WebAssembly', threads: 2, notes: [], errorOverBound: 0.1, composed: [], sampler: 'plain loop' },
  ...{ omoe: statisticsOf([[1, 2, 3]]), gigaflops: 12.34, bare: null, overhead: null, bareIsPart: false, beside: [] },
  ...more,
});
const given = {
  ...{ node: 'v24.0.0', place: 'Node', platform: 'linux x64', processor: 'a processor', cores: 2, seed: 3 },
  skipped: [{ mode: 'headlessgl', reason: 'no display' }],
  failed: [{ case: 'gate', size: 1024, mode: 'wasm', error: 'element 3 is 1' }],
};
const ratio = { median: 1.5, low: 1.25, high: 1.75, min: 1, samples: 7 };

describe('the table', () => {
  it('has a row for each case and device: median with quartiles, speed, what was side by side, samples', () => {
    const text = table({
      ...given,
      measured: [
        measured({ beside: [{ name: '4 experts', time: ratio, ratio }] }),
        measured({ device: 'webasm', bare: ratio, overhead: -0.2, gigaflops: null }),
        measured({ device: 'webgl', bare: statisticsOf([[0.5]]), overhead: 3, bareIsPart: true }),
      ],
    });
    expect(text).toContain(
      '| matmul 64 × 64 × 64 | wasm | 2.00 (1.50 – 2.50) | 12.3 | 1.50 (1.25 – 1.75) × 4 experts | 3 |',
    );
    expect(text).toContain('−20 % over bare gpu.js 1.50 (1.25 – 1.75) ms');
    expect(text).toContain('4.0 × its products');
    expect(text).toContain('Node v24.0.0, linux x64, 2 × a processor; order by seed 3');
    expect(text).toContain('wasm: WebAssembly, relaxed, 2 threads');
  });
  it('says what was skipped and what failed', () => {
    const text = table({ ...given, measured: [] });
    expect(text).toContain('headlessgl: skipped, no display');
    expect(text).toContain('FAILED gate 1024 on wasm: element 3 is 1');
    expect(text).not.toContain('---');
  });
  it('writes no exponents for long times', () => {
    expect(spread({ ...ratio, median: 12345.6 })).toBe('12346 (1.25 – 1.75)');
  });
});

describe('the chart', () => {
  const rows = ['cpu', 'wasm <1>'].map((series, i) => ({
    row: 'matmul 64 × 64',
    series,
    time: statisticsOf([[1 + i, 4]]),
  }));
  const svg = chart({ title: 'A & B', unit: 'milliseconds', rows });
  it('is an SVG file on its own', () => {
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    expect(svg).toContain('A &amp; B');
    expect(svg).not.toContain('NaN');
  });
  it('has a dot for each row and series, and each series in its colour in the legend', () => {
    expect(svg.match(/<circle/g)).toHaveLength(2);
    const fills = [...svg.matchAll(/<circle [^>]*fill="([^"]+)"/g)].map(([, fill]) => fill);
    expect(new Set(fills).size).toBe(2);
    expect(svg).toContain('● wasm &lt;1&gt;');
  });
});
