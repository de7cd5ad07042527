import { mkdir, writeFile } from 'node:fs/promises';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../../src/engine.ts';
import { saveModel } from '../../src/models/folder.ts';
import { headsOf, load, names } from './checkpoint.ts';

/**
 * Loads every stored checkpoint and saves it again, for check_saved.py:
 *   npx tsx property-tests/parity/save_checkpoints.ts FOLDER && python property-tests/parity/check_saved.py FOLDER
 */
const [folder] = process.argv.slice(2);
if (!folder) throw new Error('which folder? save_checkpoints.ts FOLDER');
const t = engine(cpu());
for (const name of names) {
  const { parameters, config } = await load(t, name);
  // One in shards, to see that as well.
  const shardBytes = name === 'bert' ? 10_000 : undefined;
  const files = await saveModel(parameters, config, { head: headsOf[name] ?? null, shardBytes });
  await mkdir(`${folder}/${name}`, { recursive: true });
  for (const [file, bytes] of files) await writeFile(`${folder}/${name}/${file}`, bytes);
}
