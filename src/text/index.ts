/** `omoe/text`: tokenizers with offsets, from the folders of models; vocabularies trained on text; corpora and masking for pretraining. */
export { type Block, type Document, packBlocks, readCorpus, splitDocuments } from './corpus.ts';
export { type ReadFile, readLines, splitLines } from './lines.ts';
export { type Masked, type MaskOptions, masking } from './masking.ts';
export * from './tokenizer.ts';
export { type TrainOptions, trainWordPieces, vocabularyText } from './train-vocabulary.ts';
export * from './windows.ts';
export { readWordPieces, type WordPieces, wordPieces } from './wordpiece.ts';
export * from './words.ts';
