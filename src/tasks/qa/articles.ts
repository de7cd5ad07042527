import { DataError } from '../../errors.ts';
import { foldIn, key, permutation } from '../../random.ts';
import type { SquadQuestion, SquadRecords } from './squad.ts';

/**
 * A SQuAD dev file split by article, where there is no train file: a sixth of the articles (rounded, at least one) to
 * measure on, the others to train on; 40 and 8 of the 48 of SQuAD 1.1, 29 and 6 of the 35 of 2.0. Both keep the file's
 * order. Which articles does not depend on a run's seed: the places permutation(foldIn(key(0), 'squad articles'), n)
 * begins with are measured on.
 *
 * @throws DataError for fewer than two articles.
 */
export const splitByArticle = ({
  articles,
  questions,
}: SquadRecords): {
  readonly train: readonly SquadQuestion[];
  readonly dev: readonly SquadQuestion[];
  readonly articles: { readonly train: number; readonly dev: number };
} => {
  if (articles < 2)
    throw new DataError({
      operation: 'split by article',
      received: `${articles} article`,
      expected: 'at least two, so that each side has one',
    });
  const measured = Math.max(1, Math.round(articles / 6));
  const held = new Set(permutation(foldIn(key(0), 'squad articles'), articles).subarray(0, measured));
  return {
    train: questions.filter(({ article }) => !held.has(article)),
    dev: questions.filter(({ article }) => held.has(article)),
    articles: { train: articles - measured, dev: measured },
  };
};
