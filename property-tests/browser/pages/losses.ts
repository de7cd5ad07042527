import { engine } from 'omoe';
import type { Backend } from 'omoe/backend';
import { type BackendRequest, loadBackend } from './backends.ts';
import { type Watched, watchDevices } from './devices.ts';
import { training } from './training.ts';

/** The device is taken away at various moments of a training. From then on there must be nothing but DeviceErrors. */

export interface LossReport {
  /** When the device was lost. */
  readonly moment: string;
  /** What was done after the loss, and what came of it: the name and message of an error, or `went on`. */
  readonly after: readonly (readonly [what: string, outcome: string])[];
}

/** Calls `strike` once, right before the n-th call of what is armed. */
interface Trigger {
  readonly backend: Backend;
  arm(what: 'kernel' | 'read', n: number): void;
}

function striking(backend: Backend, strike: () => void): Trigger {
  const left = { kernel: Infinity, read: Infinity };
  const count = (what: 'kernel' | 'read') => {
    if (left[what]-- === 1) strike();
  };
  type Kernels = Record<string, (...call: never[]) => unknown>;
  const kernels = Object.fromEntries(
    Object.entries(backend.kernels as unknown as Kernels).map(([name, kernel]) => [
      name,
      (...call: never[]) => {
        count('kernel');
        return kernel.apply(backend.kernels, call);
      },
    ]),
  );
  const wrapped = new Proxy(backend, {
    get(target, name) {
      if (name === 'kernels') return kernels;
      if (name === 'read')
        return (...given: Parameters<Backend['read']>) => {
          count('read');
          return target.read(...given);
        };
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  return { backend: wrapped, arm: (what, n) => Object.assign(left, { [what]: n }) };
}

const outcome = async (act: () => unknown): Promise<string> => {
  try {
    await act();
    return 'went on';
  } catch (error) {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  }
};

async function loseAt(request: BackendRequest, watched: Watched, moment: string, at: (trigger: Trigger) => void) {
  const trigger = striking(await loadBackend(request), () => watched.lose());
  const t = engine(trigger.backend);
  const learner = training(t);
  await learner.step();
  at(trigger);
  const after: [string, string][] = [];
  const note = async (what: string, act: () => unknown) => after.push([what, await outcome(act)]);
  await note('the step in which it was lost', () => learner.step());
  await note('the next step', () => learner.step());
  await note('a new tensor, read', () => t.tensor([1, 2]).add(1).data());
  await note('waiting for the device', () => trigger.backend.flush());
  watched.restore();
  // A context is given back in a task of its own.
  await new Promise((resolve) => setTimeout(resolve, 50));
  await note('a step after the context came back', () => learner.step());
  await outcome(() => trigger.backend.dispose());
  return { moment, after };
}

export async function loseDevices(request: BackendRequest): Promise<LossReport[]> {
  const watched = watchDevices();
  return [
    await loseAt(request, watched, 'between two steps', () => watched.lose()),
    await loseAt(request, watched, 'within a forward pass', ({ arm }) => arm('kernel', 5)),
    await loseAt(request, watched, 'within a backward pass', ({ arm }) => arm('kernel', 25)),
    await loseAt(request, watched, 'right before a read', ({ arm }) => arm('read', 1)),
  ];
}
