import { engine } from '../engine.ts';
import { DeviceError } from '../errors.ts';
import type { ModelCount } from '../models/count.ts';
import { blockUses, type Counted, type Rehearsal } from '../train/rehearsal.ts';
import { type StepMemory, stepMemory } from '../train/step-memory.ts';
import { type MeasuredStep, measureStep, passSeconds, stepSeconds } from '../train/step-time.ts';
import { loadBackend } from './backends.ts';

/** What the training of a model costs, for `--dry-run`: memory by a rehearsal that only counts, time from a step that is timed. */

/** What is to be done with the model. */
export interface Work {
  readonly parameters: ModelCount;
  /** Steps of dense models and of those with experts, of all seeds and methods together. */
  readonly denseSteps: number;
  readonly steps: number;
  /** Examples that are evaluated on the way and at the end, in all. */
  readonly evaluated: number;
  /** With its threads, as one process opens it. */
  readonly backend: string;
  /** Processes that train side by side. */
  readonly processes: number;
  /** Bytes of memory of this machine. */
  readonly machine: number;
}

export interface Costs {
  readonly parameters: ModelCount;
  readonly memory: StepMemory;
  /** Why that is too much; null where it fits. */
  readonly tooMuch: string | null;
  readonly measured: MeasuredStep & { readonly step: number };
  readonly seconds: number;
}

/** @throws DeviceError where not even the parts of one step fit */
export async function costsOf<D extends Counted, B>(rehearsal: Rehearsal<D, B>, work: Work): Promise<Costs> {
  const memory = await stepMemory(rehearsal);
  const measured = await timed(rehearsal, work);
  const { config } = rehearsal;
  const dense = { ...rehearsal, config: { ...config, moe: null } };
  const step = stepSeconds(measured, rehearsal, work.parameters.moe);
  const training =
    work.steps * step +
    (work.denseSteps > 0 ? work.denseSteps * stepSeconds(measured, dense, work.parameters.dense) : 0);
  // Forward alone is a third of forward and backward.
  const evaluation = ((work.evaluated / rehearsal.batch) * passSeconds(measured, config)) / 3;
  return {
    parameters: work.parameters,
    memory,
    tooMuch: excess(memory, work),
    measured: { ...measured, step: work.steps > 0 ? step : stepSeconds(measured, dense, work.parameters.dense) },
    seconds: (training + evaluation) / work.processes,
  };
}

async function timed<D extends Counted, B>(rehearsal: Rehearsal<D, B>, work: Work): Promise<MeasuredStep> {
  const backend = await loadBackend(work.backend);
  try {
    const { config } = rehearsal;
    const kinds = [
      ...(work.denseSteps > 0 || blockUses(config).dense.runs > 0 ? ['dense' as const] : []),
      ...(config.moe ? ['moe' as const] : []),
    ];
    return await measureStep(engine(backend), rehearsal, { kinds });
  } finally {
    await backend.dispose();
  }
}

const gibi = 2 ** 30;
/**
 * What a step may hold in a linear memory of WebAssembly. 32 bits address 2^32 bytes, and the first page is the module's own. Nor
 * is all of the rest of use: between tensors lie gaps that are too small for the next one, and they grow with the shapes that
 * batches of different lengths have. Over 40
 * steps of a bert-base, batches of mixed lengths, the memory came to end 4 to 6 % above the most bytes that it held at once.
 */
export const linearMemory = 0.92 * (2 ** 32 - 65_536);

/** Why a training does not fit, in a sentence; null where it does. */
function excess(
  { device, projectors }: StepMemory,
  { backend, processes, machine }: Pick<Work, 'backend' | 'processes' | 'machine'>,
): string | null {
  const all = processes * (device + projectors);
  if (/^(auto|wasm)/.test(backend) && device > linearMemory)
    return `a step holds ${gib(device)}, and the memory of a WebAssembly module, which ends at ${gib(2 ** 32)}, has room for ${gib(linearMemory)} with the gaps between tensors`;
  if (all > machine)
    return `${processes > 1 ? `${processes} processes hold` : 'a step holds'} ${gib(all)}, and this machine has ${gib(machine)}`;
  return null;
}

const advice =
  'Take fewer examples to a batch, experts in fewer layers, or a smaller model; docs/full-size.md tells what fits.';

/** Refuses a training that cannot fit, before hours are spent on it. @throws DeviceError */
export async function requireRoom<D extends Counted, B>(
  operation: string,
  rehearsal: Rehearsal<D, B>,
  room: Pick<Work, 'backend' | 'processes' | 'machine'>,
): Promise<void> {
  const reason = excess(await stepMemory(rehearsal), room);
  if (reason === null) return;
  throw new DeviceError({ operation, received: `a model of which ${reason}`, expected: 'one that fits', advice });
}

/** The backend as one process of so many threads opens it. */
export const withThreads = (backend: string, threads: number): string =>
  /^wasm(:(relaxed|plain))?$/.test(backend) ? `${backend}:${threads}` : backend;

/** Rows of the plan's table. */
export function costRows({ memory, tooMuch, measured, seconds }: Costs, processes: number): [string, string][] {
  const { timed, meanTokens } = measured;
  const parts = [
    measured.dense !== null ? 'a dense block' : null,
    measured.moe !== null ? 'a block of experts' : null,
    'embeddings and head',
    'an update',
  ].filter((part) => part !== null);
  return [
    [
      'memory',
      `${gib(memory.device)}${processes > 1 ? ' a process' : ''}: weights ${gib(memory.weights)}, moments ${gib(memory.moments)}, ${memory.kept > 0 ? `records and projectors ${gib(memory.kept)}, ` : ''}forward pass ${gib(memory.forward)}, gradients and updates ${gib(memory.step)}${memory.projectors > 0 ? `; projectors ${gib(memory.projectors)} outside of it` : ''}`,
    ],
    ...(tooMuch === null ? [] : [['does not fit', `${tooMuch}. ${advice}`] as [string, string]]),
    ['time', `about ${duration(seconds)}, ${short(measured.step)} a step of ${Math.round(meanTokens)} tokens`],
    [
      '',
      `estimated from a measured step of ${timed.examples} examples, ${timed.tokens} tokens: ${parts.join(', ')}, each timed by itself in ${short(measured.took)}`,
    ],
    ...measured.withinSpread.map((kind): [string, string] => [
      '',
      `${kind === 'moe' ? 'a block of experts' : 'a dense block'} took no longer than timings of the same vary by: that variation stands for it, so that the time is rather too long`,
    ]),
  ];
}

const gib = (bytes: number): string =>
  bytes >= gibi / 10 ? `${(bytes / gibi).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const short = (seconds: number): string =>
  seconds >= 1 ? `${seconds.toPrecision(3)} s` : `${(1000 * seconds).toPrecision(3)} ms`;

export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
