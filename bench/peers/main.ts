import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { dimensions } from '../case.ts';
import { chart } from '../chart.ts';
import { fullSize } from '../encoder.ts';
import { nodeOf, refuse, whole } from '../options.ts';
import { bundled } from '../processes.ts';
import { shuffled } from '../sample.ts';
import { markdown, spread } from '../table.ts';
import { type Contender, startContender } from './contender.ts';
import { duel, type Outcome, type Side } from './duel.ts';
import { encoderProblem } from './encoder-problem.ts';
import { type Library, libraries } from './libraries.ts';
import { matmulProblem, moeProblem, type Problem } from './problems.ts';

/** npm run bench:peers -- --only matmul,moe --sizes 512 --threads 1,2 --peers jax-js,tfjs --node PATH: see ../README.md */

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: 'matmul,moe,encoder' },
    sizes: { type: 'string' },
    threads: { type: 'string', default: [...new Set([1, availableParallelism()])].join() },
    peers: { type: 'string' },
    samples: { type: 'string', default: '20' },
    seed: { type: 'string', default: '1' },
    node: { type: 'string', default: process.execPath },
    python: { type: 'string', default: '/usr/bin/python3' },
    device: { type: 'string', default: 'wasm' },
    json: { type: 'string' },
    svg: { type: 'string', default: 'runs/bench-peers.svg' },
  },
});
const [samples, seed] = [whole('samples', values.samples), whole('seed', values.seed, 0)];
const node = nodeOf(values.node);

const usual: Readonly<Record<string, readonly string[]>> = {
  matmul: ['64', '128', '256', '512', '1024', '1024x128x8', '256x128x512', '256x768x3072'],
  moe: ['128', '256', '768'],
  encoder: [fullSize],
};
const work = values.only.split(',').flatMap((kind) => {
  if (!Object.hasOwn(usual, kind)) return refuse('only', kind, Object.keys(usual).join(', '));
  const sizes = values.sizes?.split(',') ?? usual[kind];
  return sizes.flatMap((size) => values.threads.split(',').map((n) => ({ kind, size, threads: whole('threads', n) })));
});

async function problemOf(kind: string, size: string): Promise<Problem> {
  if (kind === 'encoder') return encoderProblem(size);
  const [m, inner = m, n = m] = dimensions(size);
  return kind === 'matmul' ? matmulProblem(m, inner, n) : moeProblem(m, n === m ? 1024 : inner);
}

const skipped = new Map<string, string>();
const all = libraries(node.path, values.python);
const wanted = values.peers?.split(',') ?? all.map(({ name }) => name);
const unknown = wanted.find((name) => !all.some((library) => library.name === name));
if (unknown !== undefined) refuse('peers', unknown, `some of ${all.map(({ name }) => name).join(', ')}`);
const present = all.filter((library) => {
  const reason = wanted.includes(library.name) ? library.absent() : 'not asked for';
  if (reason !== null) skipped.set(library.name, reason);
  return reason === null;
});

const ours = await bundled(new URL('./omoe.ts', import.meta.url));
const omoe: Library = {
  name: 'omoe',
  absent: () => null,
  command: () => [node.path, [ours.file, values.device]],
};

interface Result {
  readonly title: string;
  readonly threads: number;
  readonly flops: number;
  readonly tokens?: number;
  readonly outcomes: readonly (Outcome & { readonly version: string })[];
}
const results: Result[] = [];
const failures: string[] = [];

/** Checks each library's results and then times them in turn; what cannot take part or is wrong is left out, by name. */
async function compare(problem: Problem, threads: number): Promise<Result | null> {
  const folder = mkdtempSync(join(tmpdir(), 'omoe-peers-'));
  const started: Contender[] = [];
  const sides: (Side & { readonly version: string })[] = [];
  const inputs = problem.inputs.map(({ name, shape, data }) => {
    const file = join(folder, `${name}.in`);
    writeFileSync(file, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
    return { name, shape, file };
  });
  try {
    for (const library of [omoe, ...present]) {
      const out = join(folder, library.name);
      mkdirSync(out);
      const contender = startContender(...library.command(threads));
      started.push(contender);
      const label = `${problem.title}, ${threads} thread${threads > 1 ? 's' : ''}, ${library.name}`;
      try {
        const ready = await contender.prepare({ spec: problem.spec, inputs, out, threads });
        if ('cannot' in ready) {
          skipped.set(`${library.name}, ${problem.spec.kind}, ${threads} threads`, ready.cannot);
          continue;
        }
        problem.check(outputsIn(out));
        sides.push({ name: library.name, version: ready.version, contender });
      } catch (error) {
        failures.push(`FAILED ${label}: ${(error as Error).message.split('\n')[0]}`);
        console.error(failures.at(-1));
      }
    }
    if (sides[0]?.name !== 'omoe') return null;
    const outcomes = await duel(sides, { samples, seed });
    const { title, flops, tokens } = problem;
    return {
      title,
      threads,
      flops,
      ...(tokens === undefined ? {} : { tokens }),
      outcomes: outcomes.map((outcome, i) => ({ ...outcome, version: sides[i].version })),
    };
  } finally {
    for (const contender of started) contender.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const outputsIn = (folder: string): Map<string, Float32Array> =>
  new Map(
    readdirSync(folder).map((file) => {
      const bytes = readFileSync(join(folder, file));
      return [
        file.replace(/\.f32$/, ''),
        new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)),
      ];
    }),
  );

try {
  for (const [done, i] of shuffled(work.length, seed, 'peers').entries()) {
    const { kind, size, threads } = work[i];
    const problem = await problemOf(kind, size);
    const result = await compare(problem, threads);
    if (result) results[i] = result;
    const times = result?.outcomes.map(({ name, time }) => `${name} ${time.median.toPrecision(3)} ms`).join(', ');
    console.error(`[${done + 1}/${work.length}] ${problem.title}, ${threads} threads: ${times ?? 'failed'}`);
  }
} finally {
  ours.close();
}

const reached = results.filter(Boolean);
const rows = reached.flatMap(({ title, threads, flops, tokens, outcomes }) =>
  outcomes.map(({ name, time, ratio }) => [
    ...[title, threads, name, spread(time), (flops / time.median / 1e6).toFixed(1)],
    tokens === undefined ? '' : ((1000 * tokens) / time.median).toFixed(0),
    ratio ? spread(ratio) : '1',
  ]),
);
const versions = new Set(reached.flatMap(({ outcomes }) => outcomes.map(({ version }) => version)));
const machine = `${process.platform} ${process.arch}, ${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`;
console.log(
  [
    `Node ${node.version}, ${machine}; ${samples} rounds, order by seed ${seed}`,
    ...versions,
    ...[...skipped].map(([who, reason]) => `${who}: left out, ${reason}`),
    '',
    markdown(
      ['problem', 'threads', 'library', 'ms: median (quartiles)', 'GFLOP/s', 'tokens/s', 'omoe is … times as fast'],
      rows,
    ),
    ...failures,
  ].join('\n'),
);
function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  console.error(`written: ${file}`);
}
if (values.json) {
  const report = {
    schema: 'omoe.bench.peers/1',
    date: new Date().toISOString(),
    node: node.version,
    machine,
    samples,
    seed,
  };
  write(
    values.json,
    `${JSON.stringify({ ...report, results: reached, skipped: Object.fromEntries(skipped), failures }, null, 2)}\n`,
  );
}
if (reached.length > 0) {
  const title = `omoe and others, Node ${node.version}, ${machine}`;
  const dots = reached.flatMap((result) =>
    result.outcomes.map(({ name, time }) => ({ row: `${result.title}, ${result.threads} thr.`, series: name, time })),
  );
  write(values.svg, chart({ title, unit: 'milliseconds a call', rows: dots }));
}
process.exitCode = failures.length > 0 ? 1 : 0;
