import { openStore } from './checkpoints.ts';
import { contentsOf } from './contents.fixture.ts';
import { nodeFiles, nodeProcesses } from './node.ts';

// A program for tests: saves one checkpoint after the other until it is killed, and prints each number when it is saved.
const [folder, first] = process.argv.slice(2);
const store = await openStore({ files: nodeFiles, folder, processes: nodeProcesses });
process.stdout.write(`open ${store.tookOver.length}\n`);
for (let step = Number(first); ; step++) {
  await store.save(`step-${step}`, contentsOf(step));
  process.stdout.write(`${step}\n`);
  await store.prune(2);
}
