import { describe } from 'vitest';
import { OmoeError } from '../../src/errors.ts';
import type { Mode } from './device.ts';
import { type GpuBackend, gpujs } from './index.ts';

/**
 * The modes that unit tests run on: those of the host always, headlessgl where there is a display. Where OMOE_GPUJS names
 * headlessgl it has to be there.
 */
const required = (process.env.OMOE_GPUJS ?? '').split(',');
const opened = new Map<Mode, Promise<GpuBackend | string>>();

const open = (mode: Mode): Promise<GpuBackend | string> => {
  const known = opened.get(mode);
  if (known) return known;
  const opening = gpujs({ mode }).catch((error: unknown) => {
    if (mode === 'headlessgl' && !required.includes(mode) && error instanceof OmoeError)
      return error.complaint.received;
    throw error;
  });
  opened.set(mode, opening);
  return opening;
};

const found = await Promise.all(
  (['webasm', 'cpu', 'headlessgl'] as const).map(async (mode) => ({ mode, backend: await open(mode) })),
);

/** The tests on each mode; a mode that is not to be had is skipped, with the reason in its title. */
export function onEveryMode(tests: (backend: GpuBackend, mode: Mode) => void): void {
  for (const { mode, backend } of found)
    if (typeof backend === 'string') describe.skip(`${mode}: ${backend}`, () => {});
    else describe(mode, () => tests(backend, mode));
}
