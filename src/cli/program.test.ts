import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as v from 'valibot';
import { describe, expect, it } from 'vitest';
import { compareResultSchema } from '../train/result.ts';
import { commandLineIn, scratch } from './command.fixture.ts';
import { commandLine } from './command-line.ts';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const worker = fileURLToPath(new URL('./fixtures/fake-worker.mjs', import.meta.url));

/** The workers are those of the fixture, which train nothing. */
const omoe = commandLineIn({ cores: 2, worker, execArgv: ['--import', tsx] });

/** A comparison that the fixture finishes at once. */
const small = [
  'compare',
  '--steps',
  '4',
  '--dense-steps',
  '2',
  '--seeds',
  '2',
  '--methods',
  'adamw,omoe:accumulateSteps=2',
];
/** The fixture reads its behaviour from here. */
const behave = (behaviour: number) => ['--balance-loss', String(behaviour)];

describe('omoe compare', () => {
  it('ends with a table, the differences in words, and the run folder', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout, stderr } = await omoe([...small, '--out', out]);
    expect(stderr).not.toMatch(/^omoe: /m);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^method +accuracy +output cosine +CKA +delta cosine +norm kept +ms\/step$/m);
    expect(stdout).toMatch(
      /^omoe:accumulateSteps=2 against adamw: accuracy \+0\.170 .*, two seeds cannot tell; .*\.$/m,
    );
    expect(stdout).toContain('small demonstration');
    expect(stdout).toContain('none is corrected for the number of methods.');
    expect(stdout).toContain('differ from the dense ones by at most 1.0e-7; rounding explains 2.0e-7.');
    expect(stdout).not.toContain('WARNING');
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(`Run folder: ${out}`);
    expect(stderr).toMatch(/%.*step \d of 4, loss/);
    expect(readdirSync(out).sort()).toEqual(['methods', 'metrics.jsonl', 'plan.json', 'report.html', 'result.json']);
    expect(readdirSync(join(out, 'methods'))).toHaveLength(4);
    // 2 seeds × (2 dense steps + 2 methods × 4 steps).
    expect(readFileSync(join(out, 'metrics.jsonl'), 'utf8').trimEnd().split('\n')).toHaveLength(20);
    expect(v.is(compareResultSchema, JSON.parse(readFileSync(join(out, 'result.json'), 'utf8')))).toBe(true);
  });

  it('--json writes one document and nothing else; report draws the same page again', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout, stderr } = await omoe([...small, '--out', out, '--json', '--quiet']);
    expect(code).toBe(0);
    expect(stderr).toBe('');
    expect(v.is(compareResultSchema, JSON.parse(stdout))).toBe(true);
    expect(stdout.trim()).toBe(readFileSync(join(out, 'result.json'), 'utf8').trim());

    const page = readFileSync(join(out, 'report.html'), 'utf8');
    rmSync(join(out, 'report.html'));
    const again = await omoe(['report', out]);
    expect(again).toMatchObject({ code: 0, stdout: `${join(out, 'report.html')}\n` });
    expect(readFileSync(join(out, 'report.html'), 'utf8')).toBe(page);
  });

  it('--dry-run tells plan, parameters, memory and time, and makes nothing', async () => {
    const out = join(scratch(), 'run');
    const text = await omoe(['compare', '--dry-run', '--out', out]);
    expect(text.code).toBe(0);
    for (const word of ['parameters', 'memory', 'time', 'Nothing was run']) expect(text.stdout).toContain(word);
    const json = JSON.parse((await omoe(['compare', '--dry-run', '--json', '--out', out])).stdout);
    expect(json).toMatchObject({
      schema: 'omoe.plan/1',
      threads: 2,
      backend: expect.stringMatching(/^wasm:(relaxed|plain):1$/),
      plan: { seeds: [0, 1, 2, 3, 4] },
    });
    expect(json.parameters.moe).toBeGreaterThan(json.parameters.dense);
    expect(existsSync(out)).toBe(false);
  });

  it('exits with 3 when a run diverges, and keeps what was finished', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout, stderr } = await omoe([...small, ...behave(103), '--out', out, '--threads', '1']);
    expect(code).toBe(3);
    expect(stderr).toContain('omoe: train omoe: received loss NaN at step 7, expected a finite loss.');
    expect(stderr).toContain(`What was finished is kept in ${out}`);
    expect(stderr).not.toMatch(/\n +at /);
    expect(stdout).toBe('');
    expect(readdirSync(join(out, 'methods'))).toHaveLength(2);
    expect(existsSync(join(out, 'result.json'))).toBe(false);
    const silent = await omoe([...small, ...behave(103), '--out', `${out}2`, '--threads', '1', '--quiet']);
    expect(silent.stderr).toBe(`${stderr.split('\n').find((line) => line.startsWith('omoe: '))}\n`);
    const unfinished = await omoe(['report', out]);
    expect(unfinished.code).toBe(4);
    expect(unfinished.stderr).toContain('did not finish');
  });

  it('shows the stack with --verbose, and the error as JSON with --json', async () => {
    const out = join(scratch(), 'run');
    const { code, stdout, stderr } = await omoe([...small, ...behave(103), '--out', out, '--json', '--verbose']);
    expect(code).toBe(3);
    expect(stderr).toMatch(/\n +at .*fake-worker\.mjs/);
    expect(JSON.parse(stdout).error).toMatchObject({
      name: 'DivergedError',
      exitCode: 3,
      received: 'loss NaN at step 7',
    });
  });

  it('stops cleanly at the first Ctrl-C, with 130', async () => {
    const out = join(scratch(), 'run');
    let pressed = false;
    const { code, stderr, aborted } = await omoe([...small, ...behave(104), '--out', out], (interrupt, _, told) => {
      if (pressed || !/omoe:.*step 1 of 4|adamw.*step 1 of 4/.test(told)) return;
      pressed = true;
      interrupt();
    });
    expect(code).toBe(130);
    expect(aborted).toBeUndefined();
    expect(stderr).toContain('Ctrl-C again aborts at once');
    // The first job of each process was still running.
    expect(stderr).not.toContain('What was finished');
    expect(readdirSync(out).sort()).toEqual(['methods', 'metrics.jsonl', 'plan.json']);
  });

  it('aborts at the second Ctrl-C', async () => {
    const out = join(scratch(), 'run');
    let pressed = false;
    const { aborted } = await omoe([...small, ...behave(104), '--out', out], (interrupt, _, told) => {
      if (pressed || !/step 1 of 4/.test(told)) return;
      pressed = true;
      interrupt();
      interrupt();
    });
    expect(aborted).toBe(130);
  });

  it('refuses an --out that cannot be written, before anything is trained', async () => {
    const file = join(scratch(), 'file');
    writeFileSync(file, '');
    const below = await omoe([...small, '--out', join(file, 'run')]);
    expect(below).toMatchObject({ code: 1, stdout: '' });
    expect(below.stderr).toMatch(/ENOTDIR/);
    expect(below.stderr).not.toMatch(/step \d of/);
    const used = await omoe([...small, '--out', join(file, '..')]);
    expect(used.code).toBe(2);
    expect(used.stderr).toContain('a new or an empty folder');
  });

  it.each([
    [['compare', '--methods', 'omoe-hrad'], 'Did you mean "omoe-hard"?'],
    [['compare', '--steps', 'many'], 'compare --steps: received "many", expected an integer of at least 1'],
    [['compare', '--backend', 'wasm:plain:two'], 'wasm[:relaxed|plain][:THREADS]'],
    [['compare', '--backend', 'gpujs:webgl3'], 'gpujs:webgl2'],
    [['compare', '--backend', 'cup'], 'Did you mean "cpu"?'],
    [['compare', '--threads', '0'], '--threads'],
    [['compare', '--task', 'sst3', '--data', 'x', '--vocab', 'y'], 'sst2'],
    [
      ['compare', '--stepz', '3'],
      'omoe: compare: received the unknown option --stepz, expected an option of this command. Did you mean --steps?',
    ],
    [['compare', 'extra'], 'too many arguments: extra, expected none'],
    [['compare', '--steps'], '--steps <n> without its value'],
    [['compaer'], 'received the unknown command "compaer", expected one of compare, train, '],
    [
      ['compare', '--task', 'embedded-tags', '--dry-run'],
      'compare --task embedded-tags: received the head tag, expected',
    ],
    [
      ['train', '--task', 'embedded-pairs', '--dry-run'],
      'train --task embedded-pairs: received pairs of texts, expected',
    ],
    [['report'], 'omoe: report: received no <run>, expected this argument. See omoe report --help.'],
    [['data', 'check', 'sst2'], 'omoe: data check: received no --data <dir>'],
    [['data'], 'omoe: data: received no command, expected one of list, check, get'],
    [['data', 'check', 'sst3', '--data', 'x'], 'one of cola, sst2'],
    [[], 'Usage: omoe'],
  ])('%j is a usage error', async (argv, part) => {
    const { code, stdout, stderr } = await omoe(argv);
    expect(stderr).toContain(part);
    expect(code).toBe(2);
    expect(stdout).toBe('');
    expect(stderr).not.toMatch(/\n +at /);
  });

  it.each([
    [['compare', '--stepz', '3', '--json'], 'compare', 'the unknown option --stepz'],
    [['report', '--json'], 'report', 'no <run>'],
    [['data', 'check', '--json', 'sst2'], 'data check', 'no --data <dir>'],
  ])('%j is a usage error in JSON', async (argv, operation, received) => {
    const { code, stdout } = await omoe(argv);
    expect(code).toBe(2);
    expect(JSON.parse(stdout).error).toMatchObject({ name: 'UsageError', exitCode: 2, operation, received });
  });

  it('leaves out of the JSON error what there is nothing to say about', async () => {
    const { stdout } = await omoe(['compare', '--methods', 'zzzzzzzz', '--json']);
    expect(JSON.parse(stdout).error.advice).not.toBe('');
    const far = await omoe(['compare', '--backend', 'zzzzzzzz', '--json']);
    expect(JSON.parse(far.stdout).error).toMatchObject({ received: '"zzzzzzzz"' });
    expect(JSON.parse(far.stdout).error).not.toHaveProperty('advice');
  });

  it('takes missing data files as bad input', async () => {
    const argv = ['compare', '--task', 'sst2', '--data', join(scratch(), 'none'), '--vocab', 'none.txt'];
    const { code, stderr } = await omoe(argv);
    expect(code).toBe(4);
    expect(stderr).toContain('SST-2');
  });
});

describe('omoe data, doctor, help', () => {
  it('counts the rows of a task folder', async () => {
    const folder = join(scratch(), 'SST-2');
    mkdirSync(folder);
    writeFileSync(join(folder, 'train.tsv'), 'sentence\tlabel\na fine film \t1\ndull \t0\n');
    writeFileSync(join(folder, 'dev.tsv'), 'sentence\tlabel\nso so \t0\n');
    const text = await omoe(['data', 'check', 'sst2', '--data', folder]);
    expect(text.stdout).toMatch(
      /train +train\.tsv +2 +negative 1, positive 1\ndev +dev\.tsv +1 +negative 1, positive 0\n/,
    );
    const json = JSON.parse((await omoe(['data', 'check', 'sst2', '--data', folder, '--json'])).stdout);
    expect(json.files[1]).toEqual({ split: 'dev', file: 'dev.tsv', rows: 1, labels: { negative: 1, positive: 0 } });
    writeFileSync(join(folder, 'dev.tsv'), 'sentence\tlabel\nso so \tx\n');
    const bad = await omoe(['data', 'check', 'sst2', '--data', folder]);
    expect(bad.code).toBe(4);
    expect(bad.stderr).toMatch(/dev\.tsv:2/);
  });

  it('lists the tasks', async () => {
    expect((await omoe(['data', 'list'])).stdout).toMatch(/^embedded[\s\S]*^cola[\s\S]*^sst2/m);
    const { tasks } = JSON.parse((await omoe(['data', 'list', '--json'])).stdout);
    expect(tasks.length).toBeGreaterThan(20);
    for (const task of tasks)
      expect(Object.values(task).every((text) => typeof text === 'string' && text !== '')).toBe(true);
  });

  it('examines the machine', async () => {
    const text = await omoe(['doctor']);
    expect(text.code).toBe(0);
    expect(text.stdout).toMatch(/^cpu +yes/m);
    expect(text.stdout).toMatch(/^wasm:plain +yes +WebAssembly SIMD, \d+ threads?/m);
    expect(JSON.parse((await omoe(['doctor', '--json'])).stdout)).toMatchObject({
      auto: expect.stringMatching(/^wasm:/),
      node: process.version,
    });
  });

  it('helps on stdout, with examples, methods and exit codes', async () => {
    const help = await omoe(['--help']);
    expect(help).toMatchObject({ code: 0, stderr: '' });
    expect(help.stdout).toContain('Exit codes');
    const compare = await omoe(['compare', '--help']);
    expect(compare.stdout).toContain('omoe-paper');
    expect(compare.stdout).toContain('Examples:');
    expect((await omoe(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

describe('commandLine', () => {
  it('quotes what a shell would take apart', () => {
    expect(commandLine(['compare', '--methods', 'omoe:side=input', '--out', "it's here"])).toBe(
      `npx omoe compare --methods omoe:side=input --out 'it'\\''s here'`,
    );
  });
});
