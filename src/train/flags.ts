import { UsageError } from '../errors.ts';
import type { ModelShape } from './types.ts';

/** Options of a command line as numbers, checked. */

/** The largest count an option takes: sizes stay exact integers when a few of them are multiplied. */
export const largestCount = 2 ** 31 - 1;

export interface FlagReader {
  /** A whole number in plain decimal digits. @throws UsageError if it is not one, or lies outside [least, most] */
  integer(option: string, text: string | undefined, fallback: number, least: number, most?: number): number;
  /** A number of 0 or more, or above 0. @throws UsageError if it is not one */
  decimal(option: string, text: string | undefined, fallback: number, least?: 'of at least 0' | 'above 0'): number;
  /** @throws UsageError for sizes that do not go together */
  modelShape(flags: { readonly [K in keyof ModelShape]?: string }, defaults: ModelShape): ModelShape;
}

/** @param command what errors name, e.g. `compare` */
export function flagReader(command: string): FlagReader {
  const integer: FlagReader['integer'] = (option, text, fallback, least, most = largestCount) => {
    if (text === undefined) return fallback;
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new UsageError({
      operation: `${command} ${option}`,
      received: `"${text}"`,
      expected: most === largestCount ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`,
    });
  };
  const decimal: FlagReader['decimal'] = (option, text, fallback, least = 'of at least 0') => {
    if (text === undefined) return fallback;
    const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(value) && (least === 'of at least 0' || value > 0)) return value;
    throw new UsageError({
      operation: `${command} ${option}`,
      received: `"${text}"`,
      expected: `a finite number ${least}`,
    });
  };
  const modelShape: FlagReader['modelShape'] = (flags, defaults) => {
    const model = {
      width: integer('--width', flags.width, defaults.width, 1),
      ffn: integer('--ffn', flags.ffn, defaults.ffn, 1),
      layers: integer('--layers', flags.layers, defaults.layers, 1),
      heads: integer('--heads', flags.heads, defaults.heads, 1),
      experts: integer('--experts', flags.experts, defaults.experts, 1),
      topK: integer('--top-k', flags.topK, defaults.topK, 1),
      length: integer('--length', flags.length, defaults.length, 2),
    };
    if (model.width % model.heads !== 0) {
      throw new UsageError({
        operation: `${command} --width --heads`,
        received: `width ${model.width} and ${model.heads} heads`,
        expected: 'a width that the number of heads divides',
      });
    }
    if (model.topK > model.experts) {
      throw new UsageError({
        operation: `${command} --top-k`,
        received: `top-k ${model.topK} of ${model.experts} experts`,
        expected: 'at most as many as there are experts',
      });
    }
    return model;
  };
  return { integer, decimal, modelShape };
}
