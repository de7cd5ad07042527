import { parseHTML } from 'linkedom';
import { describe, expect, it } from 'vitest';
import { comparePlan } from '../train/plan.ts';
import { aggregate, type CompareInfo, type Difference } from '../train/result.ts';
import { meanInterval } from '../train/statistics.ts';
import type { MethodRun, StepEvent } from '../train/types.ts';
import { heatMap, sharedDomain } from './charts.ts';
import { seedCurves } from './curves.ts';
import { csv } from './page.ts';
import { renderReport } from './report.ts';
import { columnNotes, differenceSentence, interval, summaryTable, upcycleSentences } from './summary.ts';

const event = (seed: number, method: string, step: number, taskLoss: number, normKept?: number): StepEvent => ({
  ...{ seed, method, step, steps: 4, phase: method === 'dense' ? 'dense' : 'accumulate', loss: taskLoss, taskLoss },
  ...{ balanceLoss: 0, gradientNorm: 1, milliseconds: 1, normKept },
});

const run = (method: string, seed: number): MethodRun => ({
  ...{
    method,
    seed,
    metric: 0.8,
    scores: { accuracy: 0.8 },
    upcycleError: 1e-7,
    upcycleBound: 2e-7,
    constant: 0.6,
    outputCosine: 0.9,
    cka: 0.5,
  },
  ...{ ckaDebiased: 0.4, overlap: 0.1 },
  ...{ weightCosine: 1, weightDeltaCosine: 0.2, effectiveRank: 3 },
  routing: {
    ...{ entropy: 1, loadEntropy: 1, loadCv: 0.1, maxViolation: 0, deadExperts: 0, labelNmi: 0, domainNmi: null },
  },
  ...{ normKept: method === 'adamw' ? null : 0.5, trace: null, leakage: null },
  msPerStep: { accumulate: 2, orthogonal: method === 'adamw' ? null : 3 },
  similarity: [
    [1, 0.25 + seed / 2],
    [0.25 + seed / 2, 1],
  ],
  warnings: method === 'adamw' ? [] : ['trace <low>'],
});

const plan = comparePlan({ methods: 'adamw,omoe:alpha=1e-2', seeds: '2' });
const names = plan.methods.map(({ name }) => name);
const runs = plan.seeds.flatMap((seed) => names.map((name) => run(name, seed)));
const info: CompareInfo = {
  metricName: 'accuracy',
  data: { source: '</pre><script>alert(1)</script>', train: 10, dev: 5 },
  ...{ backend: 'cpu', threads: 2, node: 'v20', command: "npx omoe compare --out 'a&b'", demonstration: true },
  denseMetrics: [0.7, 0.75],
  parameters: { dense: 100, moe: 200 },
};
const result = aggregate(plan, runs, info);
const events = plan.seeds.flatMap((seed) =>
  ['dense', ...names].flatMap((name) =>
    [0, 1, 2, 3].map((s) => event(seed, name, s, 1 / (s + 1), s > 1 ? 0.5 : undefined)),
  ),
);

describe('renderReport', () => {
  const html = renderReport(result, events, runs);
  const { document } = parseHTML(html);

  it('is one file that loads nothing and runs nothing', () => {
    expect(document.querySelectorAll('script, link, img, iframe, object').length).toBe(0);
    expect(html).not.toMatch(/\b(src|href)=/);
    // The only addresses are the names of the SVG vocabulary.
    const addresses = html.match(/https?:\/\/[^"\s)]+/g) ?? [];
    expect(addresses.filter((address) => !address.startsWith('http://www.w3.org/'))).toEqual([]);
  });

  it('escapes what comes from outside', () => {
    expect(html).not.toContain('<script>');
    expect(html).toContain('&lt;script&gt;');
    expect(html).toContain('a&amp;b');
    expect(html).toContain('trace &lt;low&gt;');
  });

  it('draws the losses and a heat map for each method, named for screen readers, with the numbers beside it', () => {
    const charts = [...document.querySelectorAll('svg[role="img"]')];
    expect(charts).toHaveLength(2 + 3);
    for (const chart of charts) {
      const [title, description] = (chart.getAttribute('aria-labelledby') ?? '').split(' ');
      expect(document.getElementById(title)?.textContent?.length).toBeGreaterThan(3);
      expect(document.getElementById(description)?.textContent?.length).toBeGreaterThan(10);
    }
    expect(document.querySelectorAll('svg[role="img"] path').length).toBeGreaterThan(4);
    const data = [...document.querySelectorAll('details pre')].map((block) => block.textContent ?? '');
    // The mean of 0.25 and 0.75 over the two seeds.
    expect(data.some((text) => text.includes('omoe:alpha=1e-2,0,1,0.5'))).toBe(true);
    expect(data.some((text) => text.includes('adamw,3,0.25,0.25,0.25'))).toBe(true);
  });

  it('says that it is a demonstration, and how to repeat it', () => {
    expect(document.querySelector('.label')?.textContent).toMatch(/small demonstration/);
    expect(document.querySelector('code')?.textContent).toBe("npx omoe compare --out 'a&b'");
    expect(renderReport({ ...result, demonstration: false }, events, runs)).not.toMatch(/small demonstration/);
  });

  it('is the same bytes for the same input, and stands without events or with NaN in them', () => {
    expect(renderReport(result, events, runs)).toBe(html);
    expect(renderReport(result, [], [])).toContain('<h2>Result</h2>');
    const diverged = renderReport(result, [...events, event(0, 'adamw', 4, Number.NaN)], runs);
    expect(diverged).not.toMatch(/ d="[^"]*NaN/);
    expect(diverged).toContain('adamw,4,NaN,NaN,NaN');
  });
});

describe('seedCurves', () => {
  it('averages over seeds, spans them, and counts a repeated step once', () => {
    const log = [event(0, 'a', 0, 9), event(0, 'a', 0, 1), event(1, 'a', 0, 3), event(1, 'b', 0, 100)];
    expect(seedCurves(log, ['a'], (e) => e.taskLoss)).toEqual([
      { name: 'a', points: [{ step: 0, mean: 2, low: 1, high: 3 }] },
    ]);
    expect(seedCurves(log, ['c'], (e) => e.taskLoss)[0].points).toEqual([]);
  });

  it('thins a long log to what a page shows, keeping its mean', () => {
    const log = Array.from({ length: 1000 }, (_, step) => event(0, 'a', step, step));
    const [{ points }] = seedCurves(log, ['a'], (e) => e.taskLoss);
    expect(points.length).toBeLessThanOrEqual(75);
    for (const { step, mean } of points) expect(mean).toBe(step);
  });
});

describe('heatMap', () => {
  const text = { id: 'm', title: 'Similarity', description: 'Cosines of experts' };

  it('prints every value, and colours by the shared range without the diagonal', () => {
    const matrix = [
      [1, -0.5],
      [0.25, 1],
    ];
    expect(sharedDomain([matrix])).toEqual([-0.5, 1]);
    const { document } = parseHTML(heatMap(matrix, [-0.5, 1], text));
    const printed = [...document.querySelectorAll('[aria-label="text"] text')].map((node) => node.textContent);
    expect(printed).toEqual(['1.00', '-0.50', '0.25', '1.00']);
    const fills = [...document.querySelectorAll('[aria-label="cell"] rect')].map((cell) => cell.getAttribute('fill'));
    expect(new Set(fills).size).toBe(3);
  });

  it('stands one expert, equal experts and a NaN', () => {
    expect(sharedDomain([[[1]]])).toEqual([0, 1]);
    expect(heatMap([[1]], [0, 1], text)).toContain('1.00');
    expect(
      heatMap(
        [
          [1, Number.NaN],
          [Number.NaN, 1],
        ],
        [0, 1],
        text,
      ),
    ).toContain('NaN');
  });
});

describe('the words', () => {
  const difference = (a: number[], b: number[]): Difference => ({
    ...{ method: 'omoe', baseline: 'adamw', metric: meanInterval(a), outputCosine: meanInterval(b) },
  });

  it('name a direction only where the interval leaves out zero', () => {
    expect(differenceSentence(difference([0.01, -0.01, 0], [-0.07, -0.071, -0.072]), 'accuracy')).toBe(
      'omoe against adamw: accuracy 0.000 [−0.025, +0.025], no difference can be told; ' +
        'cosine of expert outputs −0.071 [−0.073, −0.069], less alike.',
    );
    // Two equal differences leave an interval of no width: that is chance, not certainty.
    expect(differenceSentence(difference([0.2, 0.2], [0.1, 0.2]), 'accuracy')).toMatch(
      /two seeds cannot tell.*two seeds/,
    );
    expect(differenceSentence(difference([0.5], [Number.NaN, 1]), 'accuracy')).toBe(
      'omoe against adamw: accuracy +0.500, one seed cannot tell; cosine of expert outputs NaN, not a number: a run diverged.',
    );
    expect(differenceSentence(difference([0.2, 0.2, 0.2], [0, 0, 0]), 'f1')).toMatch(
      /f1 \+0\.200 .*, higher; .*, equal\./,
    );
  });

  it('write intervals, and a dash for what a method does not have', () => {
    expect(interval(meanInterval([1, 3]))).toBe('2.000 [−10.706, 14.706]');
    expect(interval(meanInterval([1]))).toBe('1.000');
    expect(interval(null)).toBe('-');
    const { columns, rows } = summaryTable(result);
    expect(columns).toEqual(['method', 'accuracy', 'output cosine', 'CKA', 'delta cosine', 'norm kept', 'ms/step']);
    expect(rows[0].slice(3)).toEqual(['0.500', '0.200', '-', '2.0']);
    expect(rows[1].slice(3)).toEqual(['0.500', '0.200', '0.500', '2.0 / 3.0']);
    const untimed = runs.map((r) => ({ ...r, msPerStep: { ...r.msPerStep, accumulate: null } }));
    expect(summaryTable(aggregate(plan, untimed, info)).rows.map((row) => row[6])).toEqual(['-', '- / 3.0']);
  });

  it('mark the norm kept of a projected gradient, which is another quantity', () => {
    const paper = comparePlan({ methods: 'adamw,omoe-paper', seeds: '2' });
    const own = paper.seeds.flatMap((seed) => [run('adamw', seed), run('omoe-paper', seed)]);
    const marked = aggregate(paper, own, info);
    expect(summaryTable(marked).rows.map((row) => row[5])).toEqual(['-', '0.500*']);
    expect(columnNotes(marked).join('\n')).toMatch(/^\* of the gradient/m);
    expect(columnNotes(result).join('\n')).not.toMatch(/^\*/m);
  });

  it('give the receipt of the upcycle, loudly where rounding does not explain it', () => {
    const differ = 'Right after the upcycle the MoE layers differ from the dense ones by at most';
    const sentences = (change: Partial<MethodRun>) => {
      const changed = runs.map((r) => (r.method !== 'adamw' && r.seed === 1 ? { ...r, ...change } : r));
      return upcycleSentences(aggregate(plan, changed, info));
    };
    expect(sentences({})).toEqual([`${differ} 1.0e-7; rounding explains 2.0e-7.`]);
    expect(sentences({ upcycleBound: null })).toEqual([
      `${differ} 1.0e-7; the gates of one expert a token are not renormalised, so the copy is not exact.`,
    ]);
    const brought = runs.map((r) => ({ ...r, upcycleError: 0, upcycleBound: null }));
    expect(upcycleSentences(aggregate(plan, brought, info))).toEqual([expect.stringContaining('nothing was upcycled')]);
    for (const upcycleError of [1e-3, Number.NaN]) {
      expect(sentences({ upcycleError })).toEqual([expect.any(String), expect.stringMatching(/^WARNING: /)]);
    }
    const off = runs.map((r) => ({ ...r, upcycleError: 1e-3 }));
    expect(renderReport(result, events, off)).toContain('<td>1.0e-3 (!)</td><td>2.0e-7</td>');
  });
});

describe('csv', () => {
  it('quotes what would break a row', () => {
    expect(
      csv([
        ['a,b', 'c"d', 1],
        ['x\ny', 'z', Number.NaN],
      ]),
    ).toBe('"a,b","c""d",1\n"x\ny",z,NaN');
  });
});
