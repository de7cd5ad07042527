import { UsageError } from '../errors.ts';
import { refuse, type Settings, settings, settingsList, settingsText } from './settings.ts';
import type { Encoding, Piece } from './tokenizer.ts';

/** One place of a joined text: a special token, or all pieces of the first (0) or second (1) text. */
export interface Slot {
  readonly special: number | null;
  readonly sequence: 0 | 1;
  readonly segment: number;
}

/** What a family of models puts around one text, and around two. */
export interface Template {
  readonly single: readonly Slot[];
  readonly pair: readonly Slot[];
}

const special = (id: number, segment = 0): Slot => ({ special: id, sequence: 0, segment });
const text = (sequence: 0 | 1, segment = 0): Slot => ({ special: null, sequence, segment });

/** [CLS] a [SEP], [CLS] a [SEP] b [SEP]; the second text and the token behind it are segment 1. */
export const bertTemplate = (cls: number, sep: number): Template => {
  const single = [special(cls), text(0), special(sep)];
  return { single, pair: [...single, text(1, 1), special(sep, 1)] };
};

/** <s> a </s>, <s> a </s></s> b </s>; all segment 0, for RoBERTa has but one. */
export const robertaTemplate = (cls: number, sep: number): Template => {
  const single = [special(cls), text(0), special(sep)];
  return { single, pair: [...single, special(sep), text(1), special(sep)] };
};

type IdOf = (token: string) => number;

const readSlots = (value: unknown, what: string, idOf: IdOf): Slot[] =>
  settingsList(value, what).map((item) => {
    const { SpecialToken, Sequence } = settings(item, what);
    const entry = settings(SpecialToken ?? Sequence, what);
    const segment = entry.type_id ?? 0;
    if (segment !== 0 && segment !== 1) throw refuse(what, `type_id ${String(segment)}`, 'segment 0 or 1');
    if (SpecialToken !== undefined) return special(idOf(settingsText(entry.id, what)), segment);
    if (entry.id !== 'A' && entry.id !== 'B') throw refuse(what, `sequence ${String(entry.id)}`, 'A or B');
    return text(entry.id === 'A' ? 0 : 1, segment);
  });

/** @throws DataError unless every text stands in it once, the first before the second. */
const requireOnce = (slots: readonly Slot[], expected: string): void => {
  const order = slots.filter((slot) => slot.special === null).map((slot) => (slot.sequence === 0 ? 'A' : 'B'));
  if (order.join(' ') !== expected) throw refuse('template', `the texts ${order.join(' ') || '(none)'}`, expected);
};

/** The token of `cls` or `sep`: ["[SEP]", 102]. */
const named = (value: unknown, what: string, idOf: IdOf): number =>
  idOf(settingsText(settingsList(value, what)[0], what));

/**
 * The `post_processor` of a tokenizer.json.
 *
 * @param idOf the id of a token, or throws.
 * @throws DataError for a kind that is not known, or one without special tokens: these models need them.
 */
export const readTemplate = (value: unknown, idOf: IdOf): Template => {
  const config: Settings = settings(value, 'post_processor');
  switch (config.type) {
    case 'BertProcessing':
      return bertTemplate(named(config.cls, 'cls', idOf), named(config.sep, 'sep', idOf));
    case 'RobertaProcessing':
      return robertaTemplate(named(config.cls, 'cls', idOf), named(config.sep, 'sep', idOf));
    case 'TemplateProcessing': {
      const template = {
        single: readSlots(config.single, 'single', idOf),
        pair: readSlots(config.pair, 'pair', idOf),
      };
      requireOnce(template.single, 'A');
      requireOnce(template.pair, 'A B');
      return template;
    }
    default:
      throw refuse('post_processor', String(config.type), 'BertProcessing, RobertaProcessing or TemplateProcessing');
  }
};

export const countSpecials = (slots: readonly Slot[]): number => slots.filter((slot) => slot.special !== null).length;

/**
 * How many pieces stay of two texts of a and b pieces in a room of `room`: one at a time is taken from the end of the
 * longer, from the second's where they are equally long. So the shorter stays whole while it is under half the room,
 * and of an odd room the first text gets the odd piece.
 */
export const longestFirst = (a: number, b: number, room: number): readonly [number, number] => {
  if (a + b <= room) return [a, b];
  const [forFirst, forSecond] = [Math.ceil(room / 2), Math.floor(room / 2)];
  if (a <= forFirst) return [a, room - a];
  if (b <= forSecond) return [room - b, b];
  return [forFirst, forSecond];
};

/**
 * Texts put into a template, cut to `length` tokens by {@link longestFirst}.
 *
 * @throws UsageError where the special tokens alone are longer than `length`.
 */
export const fillTemplate = (
  template: Template,
  a: readonly Piece[],
  b: readonly Piece[] | null,
  length = Number.POSITIVE_INFINITY,
): Encoding => {
  const slots = b === null ? template.single : template.pair;
  const specials = countSpecials(slots);
  if (!(length >= specials))
    throw new UsageError({
      operation: 'join texts',
      received: `a length of ${length}`,
      expected: `at least ${specials}, the special tokens of ${b === null ? 'one text' : 'a pair'}`,
    });
  const texts = [a, b ?? []] as const;
  const kept = longestFirst(a.length, texts[1].length, Math.floor(length) - specials);
  const total = specials + kept[0] + kept[1];
  const [tokens, piece] = [new Int32Array(total), new Int32Array(total).fill(-1)];
  const [segments, sequence] = [new Uint8Array(total), new Int8Array(total).fill(-1)];
  let at = 0;
  for (const slot of slots) {
    const count = slot.special === null ? kept[slot.sequence] : 1;
    segments.fill(slot.segment, at, at + count);
    if (slot.special === null) {
      const pieces = texts[slot.sequence];
      sequence.fill(slot.sequence, at, at + count);
      for (let i = 0; i < count; i++) {
        tokens[at + i] = pieces[i]!.id;
        piece[at + i] = i;
      }
    } else tokens[at] = slot.special;
    at += count;
  }
  return { tokens, segments, sequence, piece };
};
