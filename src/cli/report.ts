import { join } from 'node:path';
import { renderReport } from '../report/report.ts';
import { encodeJson } from '../train/json.ts';
import { checkCompareResult } from '../train/result.ts';
import { readRunFolder, writeWhole } from '../train/run-folder.ts';
import type { Environment, OutputFlags } from './environment.ts';

/**
 * `omoe report RUN`: draws report.html again from what the run folder holds.
 *
 * @throws DataError if the folder is missing, unfinished or malformed
 */
export async function report(folder: string, flags: OutputFlags, environment: Environment): Promise<void> {
  const { result, events, runs } = await readRunFolder(folder);
  const checked = checkCompareResult(result, join(folder, 'result.json'));
  const path = join(folder, 'report.html');
  await writeWhole(path, renderReport(checked, events, runs));
  environment.stdout.write(flags.json ? `${encodeJson({ report: path }, 2)}\n` : `${path}\n`);
}
