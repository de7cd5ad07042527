import { DivergedError } from '../errors.ts';
import type { Tensor } from '../tensor.ts';

/**
 * Stops a run whose loss or gradient is no longer finite, before the bad step is applied.
 * @param run what trains, e.g. `omoe, seed 0`
 * @param suspects tensors in the order in which they are computed; the first that holds a NaN or an infinity is named
 * @throws DivergedError
 */
export async function refuseNonFinite(
  run: string,
  step: number,
  watched: { readonly loss: number; readonly gradientNorm: number },
  suspects: Iterable<readonly [name: string, tensor: Tensor]>,
): Promise<void> {
  if (Number.isFinite(watched.loss) && Number.isFinite(watched.gradientNorm)) return;
  for (const [name, tensor] of suspects) {
    const values = await tensor.data();
    const at = values.findIndex((value) => !Number.isFinite(value));
    if (at < 0) continue;
    throw new DivergedError({
      operation: `training ${run}, step ${step}`,
      received: `${values[at]} in ${name} at element ${at}, the first tensor that went bad (loss ${watched.loss}, gradient norm ${watched.gradientNorm})`,
      expected: 'finite numbers',
      advice: 'The step was not applied. Lower the learning rate (--lr) or clip harder (--clip).',
    });
  }
  throw new DivergedError({
    operation: `training ${run}, step ${step}`,
    received: `loss ${watched.loss}, gradient norm ${watched.gradientNorm} from finite tensors`,
    expected: 'finite numbers',
    advice: 'The norm itself overflowed. Lower the learning rate (--lr).',
  });
}
