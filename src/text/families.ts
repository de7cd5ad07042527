import { refuse, type Settings } from './settings.ts';

/** What vocab.txt alone does not say. */
export interface BertOptions {
  /** Lower case; true where nothing says otherwise, as in the reference. */
  readonly lowerCase?: boolean;
  /** Accents off; null for as `lowerCase`. */
  readonly stripAccents?: boolean | null;
  /** Ideographs are words of their own. */
  readonly ideographsApart?: boolean;
}

/** Longer words become one [UNK], as in BERT. */
export const longestWord = 100;

/** The special pieces every BERT vocabulary must hold, and the one that is used where it holds it. */
export const bertSpecials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]'] as const;
const bertMask = '[MASK]';

/** What a tokenizer.json would say of a BERT vocabulary with these ids. */
export const bertSettings = (ids: ReadonlyMap<string, number>, options: BertOptions = {}): Settings => ({
  added_tokens: [...bertSpecials, bertMask]
    .filter((content) => ids.has(content))
    .map((content) => ({ id: ids.get(content), content, special: true, normalized: false })),
  normalizer: {
    type: 'BertNormalizer',
    clean_text: true,
    handle_chinese_chars: options.ideographsApart ?? true,
    strip_accents: options.stripAccents ?? null,
    lowercase: options.lowerCase ?? true,
  },
  pre_tokenizer: { type: 'BertPreTokenizer' },
  model: {
    type: 'WordPiece',
    unk_token: '[UNK]',
    continuing_subword_prefix: '##',
    max_input_chars_per_word: longestWord,
    vocab: Object.fromEntries(ids),
  },
  post_processor: { type: 'BertProcessing', cls: ['[CLS]', ids.get('[CLS]')], sep: ['[SEP]', ids.get('[SEP]')] },
  decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
});

const robertaSpecials = ['<s>', '<pad>', '</s>', '<unk>'] as const;
const robertaMask = '<mask>';

/**
 * What a tokenizer.json would say of RoBERTa's vocab.json and the lines of its merges.txt.
 *
 * @throws DataError where a special token is missing, as in the same files of GPT-2.
 */
export const robertaSettings = (vocab: Settings, merges: readonly string[], prefixSpace = false): Settings => {
  for (const token of robertaSpecials)
    if (!Object.hasOwn(vocab, token))
      throw refuse('vocab.json', `no ${token}`, `RoBERTa's ${robertaSpecials.join(', ')}`);
  const tokens = [...robertaSpecials, robertaMask].filter((content) => Object.hasOwn(vocab, content));
  return {
    added_tokens: tokens.map((content) => ({
      id: vocab[content],
      content,
      special: true,
      normalized: false,
      // The mask takes the space before it, so that it stands for a word with its space.
      lstrip: content === robertaMask,
    })),
    normalizer: null,
    pre_tokenizer: { type: 'ByteLevel', add_prefix_space: prefixSpace, trim_offsets: true },
    model: { type: 'BPE', vocab, merges },
    post_processor: { type: 'RobertaProcessing', cls: ['<s>', vocab['<s>']], sep: ['</s>', vocab['</s>']] },
    decoder: { type: 'ByteLevel' },
  };
};
