/** Named entities as spans of words, out of tags, and how well predicted ones match: precision, recall, F1. */
import { ShapeError, UsageError } from '../../errors.ts';

/** The words [from, to) of a sentence. */
export interface Entity {
  readonly type: string;
  readonly from: number;
  readonly to: number;
}

/**
 * How tags are read that no entity should have: an `I-` after `O` or after another type.
 * - `conlleval`: it begins an entity, as in the evaluation of CoNLL-2003 and in seqeval by default. Tags of IOB1 and
 *   IOB2 both mean what they should.
 * - `strict`: only `B-` begins one; such an `I-` belongs to none. seqeval's strict mode over IOB2.
 * On well-formed IOB2 the two agree.
 */
export type Reading = 'conlleval' | 'strict';

/** `B-creative-work` -> B, creative-work: the first hyphen parts. Null for O. @throws UsageError for anything else */
export const splitTag = (tag: string): { readonly prefix: 'B' | 'I'; readonly type: string } | null => {
  if (tag === 'O') return null;
  const prefix = tag[0];
  if ((prefix !== 'B' && prefix !== 'I') || tag[1] !== '-' || tag.length < 3)
    throw new UsageError({
      operation: 'entities',
      received: `the tag ${JSON.stringify(tag.slice(0, 40))}`,
      expected: 'O, B-type or I-type',
    });
  return { prefix, type: tag.slice(2) };
};

/** The entities of one sentence, in order. @throws UsageError for a tag that is none */
export const entities = (tags: readonly string[], reading: Reading = 'conlleval'): Entity[] => {
  const found: Entity[] = [];
  let open: { type: string; from: number } | null = null;
  const close = (to: number): void => {
    if (open) found.push({ ...open, to });
    open = null;
  };
  for (const [i, tag] of tags.entries()) {
    const split = splitTag(tag);
    const continues = split?.prefix === 'I' && open !== null && (open as { type: string }).type === split.type;
    if (continues) continue;
    close(i);
    if (split && (split.prefix === 'B' || reading === 'conlleval')) open = { type: split.type, from: i };
  }
  close(tags.length);
  return found;
};

/** IOB1 (`B-` only where an entity of the same type ends just before) as IOB2 (`B-` wherever one begins). */
export const toIob2 = (tags: readonly string[]): string[] => {
  const begins = new Set(entities(tags).map(({ from }) => from));
  return tags.map((tag, i) => (tag === 'O' ? tag : `${begins.has(i) ? 'B' : 'I'}${tag.slice(1)}`));
};

export interface EntityCounts {
  /** In the gold tags, among the predicted, and in both with the same type and words. */
  readonly gold: number;
  readonly predicted: number;
  readonly correct: number;
  /** correct / predicted; 0 where nothing is predicted. */
  readonly precision: number;
  /** correct / gold; 0 where there is nothing to find. */
  readonly recall: number;
  /** 2PR / (P + R) = 2 correct / (predicted + gold); 0 where both are. */
  readonly f1: number;
}

export interface EntityScores extends EntityCounts {
  /** The same for every type that is in either, by name. */
  readonly types: Readonly<Record<string, EntityCounts>>;
  /** The share of words whose tag is exactly right. */
  readonly accuracy: number;
}

const share = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

const countsOf = ([gold, predicted, correct]: readonly [number, number, number]): EntityCounts => ({
  gold,
  predicted,
  correct,
  precision: share(correct, predicted),
  recall: share(correct, gold),
  f1: share(2 * correct, predicted + gold),
});

/**
 * Entities of all sentences together (micro-averaged): one is right if its type and its words are exactly those of a gold
 * one.
 *
 * @param gold, predicted tags, sentence by sentence; IOB2, or IOB1 where the reading is `conlleval`.
 * @throws ShapeError where sentences or their words are not equally many, or there is no word; UsageError for a tag that is
 *   none.
 */
export const entityScores = (
  gold: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
  reading: Reading = 'conlleval',
): EntityScores => {
  const operation = 'entity scores';
  if (gold.length !== predicted.length)
    throw new ShapeError({
      operation,
      received: `${gold.length} sentences and ${predicted.length} predicted ones`,
      expected: 'equally many',
    });
  const all: [number, number, number] = [0, 0, 0];
  const byType = new Map<string, [number, number, number]>();
  const count = (type: string, which: 0 | 1 | 2): void => {
    const own = byType.get(type) ?? [0, 0, 0];
    own[which]++;
    all[which]++;
    byType.set(type, own);
  };
  let [words, same] = [0, 0];
  for (const [s, tags] of gold.entries()) {
    if (tags.length !== predicted[s].length)
      throw new ShapeError({
        operation,
        received: `${tags.length} words and ${predicted[s].length} predicted tags in sentence ${s + 1}`,
        expected: 'equally many',
      });
    words += tags.length;
    for (const [i, tag] of tags.entries()) if (tag === predicted[s][i]) same++;
    const name = ({ type, from, to }: Entity) => `${from} ${to} ${type}`;
    const expected = entities(tags, reading);
    const known = new Set(expected.map(name));
    for (const { type } of expected) count(type, 0);
    for (const entity of entities(predicted[s], reading)) {
      count(entity.type, 1);
      if (known.has(name(entity))) count(entity.type, 2);
    }
  }
  if (words === 0) throw new ShapeError({ operation, received: 'no word', expected: 'at least one' });
  const types = Object.fromEntries([...byType].sort(([a], [b]) => (a < b ? -1 : 1)).map(([t, c]) => [t, countsOf(c)]));
  return { ...countsOf(all), types, accuracy: same / words };
};
