// node .ci/check-result.mjs FOLDER TASK: the run folder is complete, and result.json has the published schema.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { compareResultSchema } from '../dist/src/train/result.js';

const [folder, task] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name), 'utf8');
const result = v.parse(compareResultSchema, JSON.parse(read('result.json')));
if (result.task !== task) throw new Error(`result.json is of task ${result.task}, expected ${task}`);
const lines = read('metrics.jsonl').trimEnd().split('\n');
for (const line of lines) JSON.parse(line);
const steps = result.seeds.length * Object.keys(result.methods).length * result.steps;
if (lines.length < steps) throw new Error(`metrics.jsonl has ${lines.length} lines, expected at least ${steps}`);
const report = read('report.html');
if (!report.includes('<svg') || /<(script|link|img)[^>]+(src|href)="?https?:/.test(report))
  throw new Error('report.html has no chart or loads something from elsewhere');
console.log(`ok: ${folder}, ${lines.length} metric lines, report of ${report.length} characters`);
