import { key, uniform } from '../src/random.ts';

/** Texts that cost a tokenizer about what English costs it: words by Zipf's law, capitals, commas and full stops, no two alike. */

const onsets = 'b c d f g h l m n p r s t v w br ch cl cr dr fl gr pl pr sh sl sp st th tr wh'.split(' ');
const vowels = 'a e i o u ai ea ee ie oa oo ou'.split(' ');
const codas = ['', '', '', 'd', 'l', 'm', 'n', 'r', 's', 't', 'ck', 'ng', 'nd', 'st', 'ment', 'tion', 'ing', 'ed'];
const known = 20_000;

/** The words of the language, the frequent ones short. */
function lexicon(): string[] {
  const draws = uniform(key(11), 12 * known);
  let at = 0;
  const pick = (from: readonly string[]) => from[Math.floor(draws[at++ % draws.length] * from.length)];
  const words = new Set<string>();
  while (words.size < known) {
    const syllables = 1 + Math.min(3, Math.floor(Math.log10(words.size + 1)));
    const parts = Array.from({ length: syllables }, () => pick(onsets) + pick(vowels));
    words.add(parts.join('') + pick(codas) + (at > draws.length ? String(words.size) : ''));
  }
  return [...words];
}

/** So many texts, of lengths spread up to what fills `length` tokens. */
export function sentences(count: number, length: number): string[] {
  const words = lexicon();
  const longest = Math.max(2, length - 2);
  const draws = uniform(key(12), count * (1 + 2 * longest));
  let at = 0;
  return Array.from({ length: count }, () => {
    const size = Math.max(2, Math.round(longest * Math.sqrt(draws[at++])));
    const text = Array.from({ length: size }, (_, i) => {
      const word = words[Math.floor(known ** draws[at++]) - 1]; // rank r with a density of 1/r
      const stop = draws[at++];
      const said = i === 0 ? word[0].toUpperCase() + word.slice(1) : word;
      return stop < 0.05 ? `${said},` : stop < 0.06 ? `(${said})` : said;
    });
    return `${text.join(' ')}.`;
  });
}
