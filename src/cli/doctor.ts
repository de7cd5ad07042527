import { totalmem } from 'node:os';
import type { Device } from '../backend.ts';
import { encodeJson } from '../train/json.ts';
import { backendStatuses, resolveBackend } from './backends.ts';
import type { Environment, OutputFlags } from './environment.ts';
import { textTable } from './table.ts';
import { packageVersion } from './version.ts';

const onWhat = ({ name, threads }: Device): string => (threads > 1 ? `${name}, ${threads} threads` : name);

/** `omoe doctor`: what this machine and this version can run on, and why the rest is off. */
export async function doctor(flags: OutputFlags, environment: Environment): Promise<void> {
  const backends = await backendStatuses();
  const facts = {
    omoe: packageVersion(),
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cores: environment.cores,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    auto: (await resolveBackend('auto')).name,
    backends,
  };
  if (flags.json) {
    environment.stdout.write(`${encodeJson(facts, 2)}\n`);
    return;
  }
  const { omoe, node, platform, cores, memoryGiB, auto } = facts;
  const rows = backends.map(({ name, available, device, note }) => [
    name,
    available ? 'yes' : 'no',
    device ? onWhat(device) : '',
    note,
  ]);
  environment.stdout.write(
    [
      `omoe ${omoe}, Node ${node}, ${platform}, ${cores} cores, ${memoryGiB} GiB of memory`,
      '',
      textTable(['backend', 'runs here', 'on', 'note'], rows),
      '',
      `--backend auto takes ${auto}. compare starts up to ${cores} worker processes, or fewer with several threads each (--threads).`,
      '',
    ].join('\n'),
  );
}
