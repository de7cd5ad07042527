import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { DataError, DivergedError } from '../errors.ts';
import { nodeFiles } from '../io/node.ts';
import { freshConfig } from '../models/config.ts';
import { readBaseModel } from '../train/base-model.ts';
import { decodeJson, encodeJson } from '../train/json.ts';
import { comparePlan } from '../train/plan.ts';
import { aggregate, type CompareResult } from '../train/result.ts';
import { checkTableResult } from '../train/table-result.ts';
import type { ComparePlan, MethodRun } from '../train/types.ts';
import { commandLineIn, omoe, scratch } from './command.fixture.ts';
import { type Environment, InterruptedError } from './environment.ts';
import { writeModel, writeSentiment } from './fine-tuning.fixture.ts';
import { type Comparing, suiteTable } from './suite-table.ts';
import { planTable, type TableFlags, type TaskFlags } from './table-tasks.ts';

/** Real comparisons, but for their workers, which train nothing. */
const workers = commandLineIn({
  cores: 1,
  worker: fileURLToPath(new URL('./fixtures/fake-worker.mjs', import.meta.url)),
  execArgv: ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href],
});

/** A run whose numbers follow from its place alone. */
const runOf = (plan: ComparePlan, method: number, seed: number): MethodRun => ({
  ...{ method: plan.methods[method]!.name, seed, upcycleError: 0, upcycleBound: 1e-7 },
  ...{ metric: 0.5 + method / 10 + seed / 100, scores: { f1: 0.5 + method / 10 + seed / 100, exact: 0.25 } },
  ...{ constant: 0.4, outputCosine: 0.9 - method / 10, cka: 0.5, ckaDebiased: null, overlap: 0.1, weightCosine: 1 },
  ...{ weightDeltaCosine: 0.2, effectiveRank: 3 },
  routing: {
    ...{ entropy: 1, loadEntropy: 1, loadCv: 0, maxViolation: 0, deadExperts: 0, labelNmi: null, domainNmi: null },
  },
  ...{ normKept: null, trace: null, leakage: null, msPerStep: { accumulate: 2, orthogonal: null } },
  ...{ similarity: [[1]], warnings: [] },
});

/** Comparisons that train nothing, on `backend`; `fail` says what happens to a task instead. */
const standIn = (fail: Readonly<Record<string, () => Error>> = {}, backend = 'wasm:plain:3') => {
  const ran: string[] = [];
  const planOf = async (flags: TaskFlags) => comparePlan(flags);
  const sizes = { vocabulary: 9, pad: 0, positions: 9, width: 8, hidden: 12, heads: 2, layers: 2 };
  const calls: Comparing = {
    baseOf: async () => ({ config: freshConfig('bert', sizes), sum: 1, weighed: true }),
    planOf,
    async compare(flags, command, { stdout }) {
      const { task, out, dryRun } = flags as TaskFlags & { dryRun?: boolean };
      ran.push(task);
      const plan = { ...(await planOf(flags as TaskFlags)), backend };
      const data = { source: plan.data!, train: 20, dev: 10, ...(task === 'wikigold' ? { split: 'by document' } : {}) };
      if (dryRun && !fail[task]) {
        stdout.write(`${encodeJson({ data, seconds: 90 })}\n`);
        return;
      }
      if (!dryRun) {
        mkdirSync(out, { recursive: true });
        writeFileSync(join(out, 'plan.json'), '{}');
      }
      if (fail[task]) throw fail[task]();
      const runs = plan.seeds.flatMap((seed) => plan.methods.map((_, m) => runOf(plan, m, seed)));
      const info = { metricName: 'f1', data, backend: plan.backend, threads: 1, node: 'v20', command };
      writeFileSync(join(out, 'result.json'), encodeJson(aggregate(plan, runs, { ...info, demonstration: false })));
      stdout.write('a table of its own\n');
    },
  };
  return { calls, ran };
};

const flagsIn = (folder: string, more: Partial<TableFlags> = {}): TableFlags => ({
  ...{ data: join(folder, 'data'), model: join(folder, 'model'), out: join(folder, 'out'), seeds: '2', ...more },
});

/** A table in a world of its own: what it wrote, and how it ended. */
const table = async (suite: string, flags: TableFlags, calls: Comparing) => {
  const written = { stdout: '', stderr: '' };
  let clock = 0;
  const environment: Environment = {
    ...{ cores: 1, worker: '', execArgv: [], onInterrupt: () => () => {}, abort: () => {} },
    readInput: async () => new Uint8Array(),
    stdout: { write: (text) => (written.stdout += text) },
    stderr: { write: (text) => (written.stderr += text) },
    now: () => new Date(45_000 * clock++),
  };
  const ended: number | Error = await suiteTable(suite, flags, 'npx omoe table', environment, calls).catch(
    (error: Error) => error,
  );
  return { ended, ...written };
};

const documentIn = (folder: string) =>
  checkTableResult(decodeJson(readFileSync(join(folder, 'out', 'table.json'), 'utf8')));

describe('the comparisons of a table', () => {
  const flags = flagsIn('f');

  it('are those of the preset, in their official folders', () => {
    const { tasks, methods } = planTable('superglue', flags);
    expect(tasks.map(({ task }) => task)).toEqual(['boolq', 'cb', 'copa', 'wic', 'wsc']);
    expect(methods).toEqual(['adamw', 'omoe', 'omoe-paper']);
    const [boolq, cb] = tasks;
    expect(boolq!.flags).toMatchObject({
      data: join('f', 'data', 'BoolQ'),
      length: '128',
      out: join('f', 'out', 'boolq'),
    });
    expect(cb!.flags).toMatchObject({
      denseSteps: '100',
      steps: '40',
      batch: '16',
      lr: '0.001',
      length: '128',
      devLimit: '500',
      experts: '4',
    });
    const cycle = 'accumulateSteps=20,orthogonalSteps=20';
    expect(cb!.flags.methods).toBe(`adamw,omoe:${cycle},omoe-paper:${cycle}`);
    expect(cb!.command).toMatch(
      /^npx omoe compare --task cb --data .*CB --model .* --dense-steps 100 --steps 40 .*--out .*cb$/,
    );
    expect(planTable('qa', flags).tasks[0]!.flags.data).toBe(join('f', 'data'));
  });

  it('take what is asked for instead', () => {
    const methods = 'adamw,omoe:accumulateSteps=3,omoe-paper:alpha=1e-2';
    const asked = {
      ...flags,
      methods,
      tasks: 'rte, cola',
      steps: '7',
      lr: '0.1',
      cycle: '10/5',
      moeLayers: '1',
      fresh: true,
    };
    const { tasks } = planTable('glue', asked);
    expect(tasks.map(({ task }) => task)).toEqual(['cola', 'rte']);
    expect(tasks[1]!.flags).toMatchObject({ steps: '7', lr: '0.1', length: '128', moeLayers: '1', seeds: '2' });
    expect(tasks[1]!.flags.methods).toBe(
      'adamw,omoe:accumulateSteps=3,orthogonalSteps=5,omoe-paper:alpha=1e-2,accumulateSteps=10,orthogonalSteps=5',
    );
    expect(tasks[1]!.command).toContain('--moe-layers 1 --fresh --out');
    const names = comparePlan(tasks[1]!.flags).methods.map(({ omoe }) => omoe?.accumulateSteps ?? null);
    expect(names).toEqual([null, 3, 10]);
  });
});

describe('omoe table', () => {
  it('runs every task into a folder of its own and writes the table', async () => {
    const folder = scratch();
    const { calls, ran } = standIn();
    const { ended, stdout, stderr } = await table('ner', flagsIn(folder), calls);
    expect(ended).toBe(0);
    expect(ran).toEqual(['wnut17', 'wikigold']);
    expect(stderr).toContain('wnut17, 1 of 2: npx omoe compare --task wnut17');
    expect(readdirSync(join(folder, 'out')).sort()).toEqual(['table.json', 'table.md', 'wikigold', 'wnut17']);
    const { tasks, failures, average } = documentIn(folder);
    expect(failures).toEqual([]);
    expect(tasks.map(({ title, seconds }) => [title, seconds])).toEqual([
      ['WNUT-17', 45],
      ['wikigold', 45],
    ]);
    expect(tasks[1]!.data).toEqual({
      source: join(folder, 'data', 'wikigold'),
      train: 20,
      dev: 10,
      split: 'by document',
      trainLimit: null,
      devLimit: 500,
    });
    // The cycle of the task is no part of a method's name here.
    expect(Object.keys(tasks[0]!.methods)).toEqual(['adamw', 'omoe', 'omoe-paper']);
    expect(tasks[0]!.methods.omoe!.metric.values).toEqual([0.6, 0.61]);
    expect(tasks[0]!.differences.map(({ method, baseline }) => [method, baseline])).toEqual([
      ['omoe', 'adamw'],
      ['omoe-paper', 'adamw'],
    ]);
    expect(average!.methods.omoe!.metric.mean).toBeCloseTo(0.605, 12);
    const markdown = readFileSync(join(folder, 'out', 'table.md'), 'utf8');
    expect(stdout).toBe(`${markdown}\nTable: ${join(folder, 'out', 'table.md')}\n`);
  });

  it('writes the document alone with --json, and says nothing with --quiet', async () => {
    const folder = scratch();
    const { stdout, stderr } = await table('qa', flagsIn(folder, { json: true, quiet: true }), standIn().calls);
    expect(stdout).toBe(readFileSync(join(folder, 'out', 'table.json'), 'utf8'));
    expect(stderr).toBe('');
    expect(documentIn(folder)).toMatchObject({ schema: 'omoe.table/1', suite: 'qa', average: null });
  });

  it('goes on where it was broken off, and keeps what that had', async () => {
    const folder = scratch();
    const stop = () =>
      new InterruptedError({ operation: 'compare', received: 'a request to stop', expected: 'to run' });
    const first = await table('ner', flagsIn(folder), standIn({ wikigold: stop }).calls);
    expect(first.ended).toMatchObject({
      exitCode: 130,
      message: expect.stringMatching(/^table: .*Run it again to go on/),
    });
    expect(first.stdout).toBe('');
    expect(documentIn(folder)).toMatchObject({ tasks: [{ task: 'wnut17' }], failures: [], average: null });

    const { calls, ran } = standIn();
    // Neither threads nor a mode that was left open are part of what was asked for.
    const { ended, stderr } = await table('ner', flagsIn(folder, { threads: '2', backend: 'wasm' }), calls);
    expect(ended).toBe(0);
    expect(ran).toEqual(['wikigold']);
    const out = join(folder, 'out');
    expect(stderr).toContain(`wnut17: finished already in ${join(out, 'wnut17')}, not run again`);
    expect(stderr).toContain(
      `${join(out, 'wikigold')} was not finished: it is now ${join(out, 'wikigold-unfinished')}`,
    );
    expect(readdirSync(join(out, 'wikigold-unfinished'))).toEqual(['plan.json']);
    expect(documentIn(folder).tasks.map(({ task, seconds }) => [task, seconds])).toEqual([
      ['wnut17', 45],
      ['wikigold', 45],
    ]);
    rmSync(join(out, 'table.json'));
    expect((await table('ner', flagsIn(folder, { backend: 'wasm' }), calls)).ended).toBe(0);
    expect(ran).toEqual(['wikigold']);
    expect(documentIn(folder).tasks[0]!.seconds).toBeNull();
  });

  it('keeps the finished tasks that it is not asked for, with their times', async () => {
    const folder = scratch();
    const timesIn = () => documentIn(folder).tasks.map(({ task, seconds }) => [task, seconds]);
    await table('ner', flagsIn(folder), standIn().calls);
    const { average } = documentIn(folder);
    await table('ner', flagsIn(folder, { tasks: 'wikigold' }), standIn().calls);
    expect(timesIn()).toEqual([
      ['wnut17', 45],
      ['wikigold', 45],
    ]);
    expect(documentIn(folder).average).toEqual(average);
    // Broken off in the first task of all, it has the other one, whose turn had not come.
    const stop = () =>
      new InterruptedError({ operation: 'compare', received: 'a request to stop', expected: 'to run' });
    rmSync(join(folder, 'out', 'wnut17'), { recursive: true });
    await table('ner', flagsIn(folder), standIn({ wnut17: stop }).calls);
    expect(timesIn()).toEqual([['wikigold', 45]]);
    expect(documentIn(folder).average).toBeNull();
    await table('ner', flagsIn(folder), standIn().calls);
    expect(timesIn()).toEqual([
      ['wnut17', 45],
      ['wikigold', 45],
    ]);
  });

  it('keeps no row that its folder no longer bears out', async () => {
    const folder = scratch();
    const wnut17 = join(folder, 'out', 'wnut17');
    await table('ner', flagsIn(folder), standIn().calls);
    rmSync(wnut17, { recursive: true });
    const { ended, stderr } = await table('ner', flagsIn(folder, { tasks: 'wikigold' }), standIn().calls);
    expect(ended).toBe(0);
    expect(stderr).toContain(`wnut17: ${wnut17} no longer has the result of table.json, which is left out`);
    expect(documentIn(folder).tasks.map(({ task }) => task)).toEqual(['wikigold']);

    // Another comparison in the folder of a task took another time, which nobody noted.
    const result = join(folder, 'out', 'wikigold', 'result.json');
    writeFileSync(result, readFileSync(result, 'utf8').replace('"metric":{', '"metric":{"changed":1,'));
    await table('ner', flagsIn(folder, { tasks: 'wikigold' }), standIn().calls);
    expect(documentIn(folder).tasks).toMatchObject([{ task: 'wikigold', seconds: null }]);
  });

  it('does not mix models or methods with those of a task that it is not asked for', async () => {
    const folder = scratch();
    await table('ner', flagsIn(folder, { tasks: 'wnut17' }), standIn().calls);
    const { calls, ran } = standIn();
    const other = await table('ner', flagsIn(folder, { tasks: 'wikigold', model: 'other' }), calls);
    expect(other.ended).toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(/wnut17, which was finished with pretrained .*expected pretrained .*"other"/),
    });
    const fewer = await table('ner', flagsIn(folder, { tasks: 'wikigold', methods: 'adamw' }), calls);
    expect(fewer.ended).toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining('whose table has wnut17 with adamw,omoe,omoe-paper, expected the methods adamw'),
    });
    expect(ran).toEqual([]);
  });

  it('is alone in its folder while it runs', async () => {
    const folder = scratch();
    const out = join(folder, 'out');
    const { calls, ran } = standIn();
    const second: Awaited<ReturnType<typeof table>>[] = [];
    const first: Comparing = {
      ...calls,
      async compare(flags, command, environment) {
        mkdirSync(flags.out!, { recursive: true });
        writeFileSync(join(flags.out!, 'metrics.jsonl'), '');
        second.push(await table('ner', flagsIn(folder), calls));
        expect(readdirSync(flags.out!)).toEqual(['metrics.jsonl']);
        await calls.compare(flags, command, environment);
      },
    };
    expect((await table('ner', flagsIn(folder), first)).ended).toBe(0);
    expect(ran).toEqual(['wnut17', 'wikigold']);
    expect(second).toHaveLength(2);
    expect(second[0]!.ended).toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(`received a folder in use by process ${process.pid}`),
    });
    expect(readdirSync(out).sort()).toEqual(['table.json', 'table.md', 'wikigold', 'wnut17']);

    // No process has this number: it is above what Linux gives.
    const dead = join(out, `lock-${encodeURIComponent(hostname())}-4194305.json`);
    writeFileSync(dead, JSON.stringify({ pid: 4194305, host: hostname(), born: 'long ago', started: 'long ago' }));
    const after = await table('ner', flagsIn(folder), calls);
    expect(after.ended).toBe(0);
    expect(after.stderr).toContain('note: took over the lock of process 4194305, which ended without releasing it');
    expect(existsSync(dead)).toBe(false);
  });

  it('says which backend ran, and takes every way to write a path for the same', async () => {
    const folder = scratch();
    await table('ner', flagsIn(folder, { tasks: 'wnut17' }), standIn({}, 'wasm:plain:3').calls);
    const { calls, ran } = standIn({}, 'cpu');
    const { model, data } = flagsIn(folder);
    const { ended, stdout } = await table('ner', flagsIn(folder, { model: `${model}/`, data: `${data}/` }), calls);
    expect(ended).toBe(0);
    expect(ran).toEqual(['wikigold']);
    expect(documentIn(folder).tasks.map(({ backend }) => backend)).toEqual(['wasm:plain:3', 'cpu']);
    expect(stdout).toContain('Backends differ: WNUT-17 ran on wasm:plain, wikigold on cpu');
    // Threads change no number.
    const again = scratch();
    await table('ner', flagsIn(again, { tasks: 'wnut17' }), standIn({}, 'wasm:plain:3').calls);
    const alike = await table('ner', flagsIn(again), standIn({}, 'wasm:plain:1').calls);
    expect(alike.stdout).not.toContain('Backends differ');
    // The only task of qa lies in --data itself.
    await table('qa', flagsIn(folder, { out: join(folder, 'qa') }), standIn().calls);
    expect((await table('qa', flagsIn(folder, { out: join(folder, 'qa'), data: `${data}/` }), calls)).ended).toBe(0);
  });

  it('refuses a folder with other plans or another suite, before anything is run', async () => {
    const folder = scratch();
    await table('qa', flagsIn(folder), standIn().calls);
    const { calls, ran } = standIn();
    const refused = async (suite: string, more: Partial<TableFlags>) => {
      const { ended } = await table(suite, flagsIn(folder, more), calls);
      expect(ended).toMatchObject({ name: 'UsageError' });
      return (ended as Error).message;
    };
    const squad = join(folder, 'out', 'squad1');
    expect(await refused('qa', { steps: '7', batch: '4' })).toContain(
      `${squad}, which was finished with steps 40, batch 16, expected steps 7, batch 4. Name another folder`,
    );
    expect(await refused('qa', { methods: 'adamw' })).toMatch(
      /finished with methods .*"omoe-paper.*, expected methods /,
    );
    expect(await refused('qa', { backend: 'cpu' })).toContain('backend "wasm:plain:3", expected backend "cpu"');
    expect(await refused('qa', { trainLimit: '5' })).toContain('trainLimit null, expected trainLimit 5');
    expect(await refused('ner', {})).toContain('which holds the table of qa, expected a new folder');
    expect(ran).toEqual([]);
  });

  it('names a task that failed, and finishes the others', async () => {
    const folder = scratch();
    const diverged = () => new DivergedError({ operation: 'train', received: 'loss | NaN', expected: 'a number' });
    const missing = () => new DataError({ operation: 'read', received: 'no file', expected: 'one' });
    const fail = { wnut17: diverged };
    const { ended, stdout, stderr } = await table('ner', flagsIn(folder, { quiet: true }), standIn(fail).calls);
    expect(ended).toBe(3);
    expect(stderr).toBe('omoe: wnut17: train: received loss | NaN, expected a number.\n');
    expect(stdout).toContain('- WNUT-17: train: received loss \\| NaN, expected a number.');
    const { tasks, failures, average } = documentIn(folder);
    expect(tasks.map(({ task }) => task)).toEqual(['wikigold']);
    expect(average).toBeNull();
    const error = { name: 'DivergedError', exitCode: 3, message: expect.stringContaining('NaN') };
    expect(failures).toMatchObject([{ task: 'wnut17', error, command: expect.stringContaining('--task wnut17') }]);

    const nothing = await table(
      'ner',
      flagsIn(folder, { out: join(folder, 'none') }),
      standIn({ wnut17: missing, wikigold: diverged }).calls,
    );
    expect(nothing.ended).toBe(4);
    expect(nothing.stdout).toContain('No task has finished.');
  });

  it('says with --dry-run what there is, and writes nothing', async () => {
    const folder = scratch();
    const missing = () => new DataError({ operation: 'read', received: 'no file', expected: 'one' });
    const { calls } = standIn({ wnut17: missing });
    const text = await table('ner', flagsIn(folder, { dryRun: true }), calls);
    expect(text.ended).toBe(4);
    expect(text.stdout).toMatch(/^wnut17 +- +120 +16 +64 +- +read: received no file, expected one\.$/m);
    expect(text.stdout).toMatch(/^wikigold +20 \/ 10 +80 +16 +96 +2 min +to be run$/m);
    expect(text.stdout).toMatch(/^npx omoe compare --task wikigold /m);
    const json = await table('ner', flagsIn(folder, { dryRun: true, json: true }), calls);
    expect(JSON.parse(json.stdout)).toMatchObject({
      schema: 'omoe.table-plan/1',
      tasks: [
        { task: 'wnut17', plan: null },
        { task: 'wikigold', state: 'to be run', plan: { seconds: 90 } },
      ],
    });
    expect(existsSync(join(folder, 'out'))).toBe(false);
  });

  const needed = ['--data', 'd', '--model', 'm', '--out', 'o'];
  it.each([
    [['table', ...needed], 'omoe: table: received no <suite>, expected this argument. See omoe table --help.'],
    [['table', 'glue', '--data', 'd', '--model', 'm'], 'omoe: table: received no --out <dir>'],
    [
      ['table', 'glu', ...needed],
      'table: received the suite "glu", expected one of glue, superglue, qa, ner. Did you mean "glue"?',
    ],
    [
      ['table', 'glue', '--tasks', 'cola,wic', ...needed],
      'table glue --tasks: received "wic", expected some of cola,sst2,',
    ],
    [['table', 'glue', '--tasks', 'rte,rte', ...needed], '"rte" twice, expected each task once'],
    [['table', 'glue', '--cycle', '25', ...needed], 'table --cycle: received "25", expected accumulating'],
    [['table', 'glue', '--methods', 'omo', ...needed], 'Did you mean "omoe"?'],
  ])('%j is a usage error', async (argv, part) => {
    const { code, stdout, stderr } = await omoe(argv);
    expect(stderr).toContain(part);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });

  it('takes a model that is not there as bad input, before anything is run', async () => {
    const folder = scratch();
    const { data, model, out } = flagsIn(folder);
    const { code, stderr } = await omoe(['table', 'qa', '--data', data, '--model', model, '--out', out]);
    expect(stderr).toContain('expected the folder of a model');
    expect(code).toBe(4);
    expect(existsSync(out)).toBe(false);
  });

  it('finds its own comparisons finished, on real data and a real checkpoint', async () => {
    const folder = scratch();
    const { data, out } = flagsIn(folder);
    const model = await writeModel(join(folder, 'model'));
    const dev = writeSentiment(join(data, 'SST-2')).length;
    const argv = ['table', 'glue', '--tasks', 'sst2', '--data', data, '--model', model, '--out', out];
    const small = [
      '--length',
      '20',
      '--steps',
      '3',
      '--seeds',
      '1',
      '--methods',
      'adamw,omoe',
      '--backend',
      'cpu',
      '--json',
    ];
    const first = await workers([...argv, ...small]);
    expect(first.stderr).not.toMatch(/^omoe: /m);
    expect(first.code).toBe(0);
    const { tasks } = checkTableResult(decodeJson(first.stdout));
    expect(tasks).toMatchObject([{ task: 'sst2', title: 'SST-2', data: { dev, split: null } }]);
    const again = await workers([...argv, ...small, '--threads', '1']);
    expect(again.code).toBe(0);
    expect(again.stderr).toContain('sst2: finished already');
    expect(checkTableResult(decodeJson(again.stdout)).tasks).toEqual(tasks);
    const plan = await workers([...argv, ...small, '--dry-run']);
    expect(JSON.parse(plan.stdout).tasks).toMatchObject([{ state: 'finished already', plan: { data: { dev } } }]);
    const wider = await workers([...argv, ...small, '--experts', '5']);
    expect(wider.code).toBe(2);
    expect(wider.stderr).toMatch(/finished with model \{.*\}, expected model \{.*"experts":5/);

    const { plan: kept } = decodeJson(readFileSync(join(out, 'sst2', 'result.json'), 'utf8')) as CompareResult;
    const { sum } = await readBaseModel(model, nodeFiles.read);
    expect(kept.pretrained).toEqual({ folder: model, moeLayers: null, dropout: 0, fresh: false, sum });
    await writeModel(model, { seed: 2 });
    const other = await workers([...argv, ...small]);
    expect(other.code).toBe(2);
    expect(other.stderr).toMatch(
      new RegExp(`finished with pretrained .*"sum":${sum}\\}, expected pretrained .*"sum":`),
    );
    // Without weights nothing can be told of them; what is asked for still can.
    rmSync(join(model, 'model.safetensors'));
    const blind = await workers([...argv, ...small, '--dry-run']);
    expect(JSON.parse(blind.stdout).tasks).toMatchObject([
      { state: 'finished already, on weights that are not there to be compared' },
    ]);
    const none = await workers([...argv, ...small]);
    expect(none.code).toBe(4);
    expect(none.stderr).toContain('neither model.safetensors nor model.safetensors.index.json');
    const drawn = ['--fresh', '--out', join(folder, 'fresh')];
    const fresh = await workers([...argv.slice(0, -2), ...drawn, ...small]);
    expect(fresh.code).toBe(0);
    const drawnPlan = decodeJson(readFileSync(join(folder, 'fresh', 'sst2', 'result.json'), 'utf8')) as CompareResult;
    expect(drawnPlan.plan.pretrained).not.toHaveProperty('sum');
  });
});
