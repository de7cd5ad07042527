import { embeddedLength, embeddedVocabulary } from './embedded.ts';
import { checkCount, type EmbeddedSizes } from './embedded-options.ts';
import { type Drawn, drawApart, embeddedTask, ornamented } from './embedded-sentences.ts';
import { forestWords, harbourWords, kitchenWords, places, theatreWords } from './grammar.ts';
import { classAt, tagClasses } from './ner/features.ts';
import { tagScores } from './ner/index.ts';
import type { Output, Task } from './types.ts';

/**
 * Tags for the words of the embedded language, as entities in IOB2: who acts (`doer`) and who is acted on (`target`), what
 * is called good or bad (`good`, `bad`), and where it is (`place`). The same word has another tag in another sentence of
 * its place; only `the old …` is always a place.
 */
export const embeddedTagTypes: readonly string[] = ['bad', 'doer', 'good', 'place', 'target'];

/**
 * [CLS] sentence, a tag for every word, none for [CLS]. No sentence to measure on is one to train on. There is no noise.
 *
 * @throws UsageError for sizes outside their range
 */
export function embeddedTags(sizes: EmbeddedSizes): Task {
  const classes = tagClasses(embeddedTagTypes);
  const { train, measured } = drawApart('embedded-tags', sizes, (domain, yes, dice): Tagged => {
    const words = ornamented(domain, places[domain].clause(yes, dice), dice);
    const tags = tagsOf(domain, yes, words);
    const example = {
      tokens: Int32Array.from(['[CLS]', ...words], (word) => ids.get(word)!),
      label: 0,
      tags: Int32Array.from([-1, ...tags.map((tag) => classes.indexOf(tag))]),
      domain,
    };
    return { text: words.join(' '), tags, example };
  });
  const predicted = (output: Output, words: number) =>
    Array.from({ length: words }, (_, i) => classes[classAt(output, i + 1, classes.length)]);
  return {
    ...embeddedTask,
    name: 'embedded-tags',
    train,
    dev: measured.map(({ example }) => example),
    classes,
    vocabularySize: embeddedVocabulary.length,
    length: embeddedLength,
    head: 'tag',
    metrics: ['f1', 'precision', 'recall', 'strict_f1', 'accuracy'],
    score: (outputs) => {
      checkCount('embedded-tags task', outputs, measured.length);
      return tagScores(
        measured.map(({ tags }) => tags),
        outputs.map((output, i) => predicted(output, measured[i].tags.length)),
      );
    },
  };
}

interface Tagged extends Drawn {
  readonly tags: readonly string[];
}

const ids = new Map(embeddedVocabulary.map((word, id) => [word, id]));

/** The tags of a sentence that was made with this answer; `grammar.ts` says what the answer means in each place. */
export function tagsOf(domain: number, yes: boolean, words: readonly string[]): string[] {
  const tags = words.map(() => 'O');
  const mark = (type: string, from: number, to: number): void => {
    for (let i = from; i < to; i++) tags[i] = `${i === from ? 'B' : 'I'}-${type}`;
  };
  // One may open the sentence and one close it.
  for (const [i, word] of words.entries()) if (word === 'old') mark('place', i - 1, i + 2);
  const where = (known: readonly string[]): number => words.findIndex((word) => known.includes(word));
  /** A noun and the word before it. */
  const noun = (type: string, at: number): void => mark(type, at - 1, at + 1);
  if (domain === 0) {
    noun(yes ? 'doer' : 'target', where(harbourWords.crew));
    noun(yes ? 'target' : 'doer', where(harbourWords.animals));
  }
  if (domain === 1) noun(yes ? 'good' : 'bad', where(kitchenWords.dishes));
  // A verb that does not agree says nothing of its subject.
  if (domain === 2 && yes) noun('doer', where(forestWords.nouns));
  // `the music was lovely`: the clause that carries the sentence praises where the answer is yes, and blames where it is no.
  if (domain === 3) noun(yes ? 'good' : 'bad', where(yes ? theatreWords.praise : theatreWords.blame) - 2);
  return tags;
}
