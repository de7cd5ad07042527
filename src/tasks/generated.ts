/** The tasks of the embedded language: generated from a seed, no files needed. */
import { embedded, embeddedLength } from './embedded.ts';
import { embeddedJoinedLength } from './embedded-joined.ts';
import { embeddedPairs } from './embedded-pairs.ts';
import { embeddedSpans } from './embedded-spans.ts';
import { embeddedTags } from './embedded-tags.ts';
import { sampleRows } from './sample.ts';
import type { Task } from './types.ts';

export interface GeneratedTask {
  readonly name: string;
  /** The metric that is reported. */
  readonly metric: string;
  /** What is asked, in a line. */
  readonly about: string;
  /** Positions that hold every example whole. */
  readonly length: number;
  make(options: { seed: number; trainLimit: number | null; devLimit: number | null }): Task;
}

export const generatedTasks: readonly GeneratedTask[] = [
  {
    name: 'embedded',
    metric: 'accuracy',
    about: 'a generated language of several domains',
    length: embeddedLength,
    make: ({ seed, trainLimit, devLimit }) => {
      const whole = embedded({ seed });
      const cut = (split: 'train' | 'dev', limit: number | null) => sampleRows(whole[split], limit, seed, split);
      return { ...whole, train: cut('train', trainLimit), dev: cut('dev', devLimit) };
    },
  },
  {
    name: 'embedded-pairs',
    metric: 'accuracy',
    about: 'does one generated sentence follow from another?',
    length: embeddedJoinedLength,
    make: embeddedPairs,
  },
  {
    name: 'embedded-tags',
    metric: 'f1',
    about: 'who acts, what is good, where is it, in a generated sentence?',
    length: embeddedLength,
    make: embeddedTags,
  },
  {
    name: 'embedded-spans',
    metric: 'f1',
    about: 'what in a generated sentence answers a question, if anything?',
    length: embeddedJoinedLength,
    make: embeddedSpans,
  },
];

export const findGenerated = (name: string): GeneratedTask | undefined =>
  generatedTasks.find((task) => task.name === name);
