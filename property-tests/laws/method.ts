import { type Method, type MethodLaw, theMethod } from '../kit/method.ts';
import { withShare } from '../kit/settings.ts';
import { cycleLaws } from './cycle.ts';
import { dispatchLaws } from './dispatch.ts';
import { gateLaws } from './gate.ts';
import type { Section } from './index.ts';
import type { Law } from './law.ts';
import { leakageLaws } from './leakage.ts';
import { lossLaws } from './losses.ts';
import { optimizerLaws } from './optimizers.ts';
import { permutationLaws } from './permutation.ts';
import { perpendicularLaws } from './perpendicular.ts';
import { projectionLaws, projectorLaws } from './projectors.ts';
import { formLaws, sketchLaws } from './sketches.ts';
import { updateLaws } from './update.ts';

/** The laws of the Mixture-of-Experts layers and of the optimizer (METHOD, laws 1 to 8 and 10 to 12) on the backend under test. */

/** All of them about a method, as its laws and the share of the runs that each takes. */
export function sectionsOf(method: Method): Section[] {
  // Their values are small and cheap to draw, so they take several times the runs of an operation.
  const onBackend = (laws: readonly MethodLaw[], share: number): Law[] =>
    laws.map((law) => ({
      name: law.name,
      hold: (subject, settings) => law.hold({ t: subject.engine(), method }, withShare(settings, share)),
    }));
  return [
    { title: 'gate', laws: onBackend(gateLaws, 3) },
    { title: 'dispatch and layer', laws: onBackend(dispatchLaws, 3) },
    { title: 'losses', laws: onBackend(lossLaws, 3) },
    {
      title: 'projectors',
      laws: [
        // Factorisations are Float64 on the host, whatever the backend.
        ...onBackend([...projectorLaws, ...perpendicularLaws, ...sketchLaws], 7.5).map((law) => ({
          ...law,
          once: true,
        })),
        ...onBackend([...projectionLaws, ...formLaws], 3),
      ],
    },
    { title: 'update', laws: onBackend(updateLaws, 1.5) },
    { title: 'leakage', laws: onBackend(leakageLaws, 1) },
    { title: 'permutation', laws: onBackend(permutationLaws, 2) },
    { title: 'cycle', laws: onBackend(cycleLaws, 3) },
    { title: 'optimizers', laws: onBackend(optimizerLaws, 3) },
  ];
}

export const methodSections: readonly Section[] = sectionsOf(theMethod);
