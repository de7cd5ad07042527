import { describe, expect, it } from 'vitest';
import { cpu } from '../../backends/cpu/index.ts';
import { engine } from '../engine.ts';
import { UsageError } from '../errors.ts';
import { readSafetensors, type StoredTensor, store, writeSafetensors } from '../io/safetensors/index.ts';
import { key } from '../random.ts';
import { leaves } from '../tree.ts';
import { readConfig, writeConfig } from './config.ts';
import {
  areMadeUp,
  type HeadSpec,
  loadModel,
  savedClasses,
  savedHead,
  savedLength,
  savedTrainedOn,
  saveModel,
} from './folder.ts';
import { headSpec, initHead } from './heads.ts';
import { initModel, type ModelParameters } from './parameters.ts';
import { families, smallConfig } from './small.fixture.ts';
import { upcycleModel } from './upcycle.ts';

const t = engine(cpu());

/** A folder in memory. */
const reading = (files: ReadonlyMap<string, Uint8Array>) => async (path: string) => {
  const bytes = files.get(path.replace('model/', ''));
  if (!bytes) throw Object.assign(new Error(path), { code: 'ENOENT' });
  return bytes;
};
const load = (files: ReadonlyMap<string, Uint8Array>, head: HeadSpec | null = null, into = t) =>
  loadModel(into, 'model', reading(files), { head });
const numbers = (parameters: ModelParameters) =>
  new Map(leaves(parameters).map(({ path, tensor }) => [path, [...t.dataSync(tensor)]]));
const tensorsOf = (files: ReadonlyMap<string, Uint8Array>) =>
  new Map(readSafetensors(files.get('model.safetensors')!).tensors);
const withTensors = (files: ReadonlyMap<string, Uint8Array>, tensors: Iterable<readonly [string, StoredTensor]>) =>
  new Map([...files, ['model.safetensors', writeSafetensors(tensors)]]);

const bert = smallConfig('bert');
const model = initModel(t, key(1), bert, { mlm: true });

describe('saveModel and loadModel', () => {
  it.each(families)('give back every number of %s, with and without the prefix', async (family) => {
    const config = smallConfig(family);
    const parameters = initModel(t, key(1), config, { mlm: true });
    for (const prefix of [true, false]) {
      const files = await saveModel(parameters, config, { prefix });
      expect([...tensorsOf(files).keys()].some((name) => name.startsWith(`${family}.embeddings`))).toBe(prefix);
      const loaded = await load(files);
      expect(numbers(loaded.parameters)).toEqual(numbers(parameters));
      expect(loaded.unused).toEqual([]);
      expect({ ...loaded.config, other: {} }).toEqual({ ...config, other: {} });
    }
  });
  it.each(['per-expert', 'packed'] as const)('give back experts laid out %s', async (experts) => {
    for (const family of families) {
      const config = smallConfig(family);
      const dense = initModel(t, key(1), config);
      const sparse = upcycleModel(dense, config, { experts: 3, layers: [1], key: key(2), noise: 0.1 });
      const files = await saveModel(sparse.parameters, sparse.config, { experts });
      // An expert's tensors come from several shards too: they are put together over them.
      const split = await saveModel(sparse.parameters, sparse.config, { experts, shardBytes: 300 });
      for (const loaded of [await load(files), await load(split)]) {
        expect(numbers(loaded.parameters)).toEqual(numbers(sparse.parameters));
        expect(loaded.config.moe).toEqual(sparse.config.moe);
      }
    }
  });
  it('store matrices as [out, in], those of experts too', async () => {
    const sparse = upcycleModel(initModel(t, key(1), bert), bert, { experts: 3, layers: [1], key: key(2), noise: 0.1 });
    const each = tensorsOf(await saveModel(sparse.parameters, sparse.config));
    const packed = tensorsOf(await saveModel(sparse.parameters, sparse.config, { experts: 'packed' }));
    const at = 'encoder.layer.1.moe';
    expect(each.get('encoder.layer.0.intermediate.dense.weight')!.shape).toEqual([6, 8]);
    expect(each.get(`${at}.gate.weight`)!.shape).toEqual([3, 8]);
    expect(each.get(`${at}.experts.2.up_proj.weight`)!.shape).toEqual([6, 8]);
    expect(packed.get(`${at}.experts.up_proj`)!.shape).toEqual([3, 6, 8]);
    expect(packed.get(`${at}.experts.down_proj_bias`)!.shape).toEqual([3, 8]);
    const ours = t.dataSync(sparse.parameters.blocks[1].moe!.fc1.weight); // [expert, width 8, hidden 6]
    const theirs = new Float32Array(new Uint8Array(each.get(`${at}.experts.2.up_proj.weight`)!.bytes).buffer); // [hidden, width]
    expect(theirs[5 * 8 + 3]).toBe(ours[2 * 48 + 3 * 6 + 5]);
  });
  it('split what is too large for one file', async () => {
    const files = await saveModel(model, bert, { shardBytes: 1000 });
    const read: string[] = [];
    await loadModel(t, 'model', async (path) => {
      read.push(path);
      return reading(files)(path);
    });
    expect(new Set(read).size).toBe(read.length); // no shard twice
    expect(
      [...files.keys()].filter((name) => /^model-0000\d-of-0000\d\.safetensors$/.test(name)).length,
    ).toBeGreaterThan(2);
    expect(numbers((await load(files)).parameters)).toEqual(numbers(model));
  });
  it.each([
    ['roberta', headSpec('classify', { classes: 3 }), /^classifier\.out_proj/],
    ['roberta', headSpec('choose'), /^classifier\./],
    ['bert', headSpec('classify', { classes: 3, spans: 2 }), /^classifier\./],
    ['albert', headSpec('span'), /^qa_outputs\./],
    ['bert', headSpec('regress'), /^classifier\./],
    ['bert', headSpec('tag', { classes: 5 }), /^classifier\./],
  ] as const)('keep the head of %s: %o', async (family, spec, name) => {
    const config = smallConfig(family);
    const parameters = { ...initModel(t, key(1), config), head: initHead(t, key(3), spec, config.width) };
    const files = await saveModel(parameters, config, { head: spec });
    expect([...tensorsOf(files).keys()].filter((one) => name.test(one))).toHaveLength(2);
    const { config: written } = await load(files, spec);
    expect(savedHead(written)).toEqual(spec);
    expect(numbers((await load(files, spec)).parameters)).toEqual(numbers(parameters));
    expect((await load(files)).unused.length).toBeGreaterThanOrEqual(2);
    await expect(load(files, { ...spec, outputs: spec.outputs + 1 })).rejects.toThrow(/2 unfit/);
    // What is saved without the head says nothing of it any more.
    const { head: _, ...encoder } = parameters;
    expect(savedHead((await load(await saveModel(encoder, written))).config)).toBeNull();
  });
  it('agree on whether there is a head', async () => {
    const spec = headSpec('regress');
    await expect(saveModel(model, bert, { head: spec })).rejects.toThrow(UsageError);
    await expect(saveModel({ ...model, head: initHead(t, key(3), spec, 8) }, bert)).rejects.toThrow(UsageError);
    expect(() => savedHead({ ...bert, other: { omoe_head: { kind: 'rank', outputs: 1, spans: 0 } } })).toThrow(
      /omoe_head.kind/,
    );
  });
});

describe('the head of a folder', () => {
  const headed = (spec: HeadSpec) => ({ ...initModel(t, key(1), bert), head: initHead(t, key(3), spec, bert.width) });
  const configOf = (files: ReadonlyMap<string, Uint8Array>) =>
    readConfig(new TextDecoder().decode(files.get('config.json')));
  const two = headSpec('classify', { classes: 2 });

  it('has the names of its classes and its length, whatever an earlier task had', async () => {
    const named = { ...bert, other: { id2label: { 0: 'old', 1: 'older' }, label2id: { old: 0, older: 1 } } };
    const trainedOn = { task: 'sst2', seed: 3 };
    const files = await saveModel(headed(two), named, { head: two, classes: ['no', 'yes'], length: 7, trainedOn });
    const config = configOf(files);
    expect(savedClasses(config)).toEqual(['no', 'yes']);
    expect(config.other.label2id).toEqual({ no: 0, yes: 1 });
    expect(savedLength(config)).toBe(7);
    expect(savedTrainedOn(config)).toEqual(trainedOn);
    expect(savedHead(config)).toEqual(two);
    // Without new names those of the config are kept where they are as many; of another head they would be names of nothing.
    expect(savedClasses(configOf(await saveModel(headed(two), named, { head: two })))).toEqual(['old', 'older']);
    const span = headSpec('span');
    const spanned = configOf(await saveModel(headed(span), config, { head: span }));
    expect(areMadeUp(savedClasses(spanned)!)).toBe(true);
    expect(savedLength(spanned)).toBeNull();
    expect(savedTrainedOn(spanned)).toBeNull();
    expect(savedClasses(bert)).toBeNull();
  });
  it('takes as many different names as it has classes', async () => {
    for (const classes of [['no'], ['no', 'no'], ['a', 'b', 'c']])
      await expect(saveModel(headed(two), bert, { head: two, classes })).rejects.toThrow(UsageError);
    const regress = headSpec('regress');
    await expect(saveModel(headed(regress), bert, { head: regress, classes: ['a'] })).rejects.toThrow(/none for this/);
    for (const id2label of [{ 1: 'a' }, { 0: 3 }, 'no'])
      expect(() => savedClasses({ ...bert, other: { id2label } })).toThrow(/id2label/);
  });
  it('is that of the class of transformers, where nothing else says it', () => {
    const id2label = { 0: 'a', 1: 'b', 2: 'c' };
    const of = (other: Record<string, unknown>) => savedHead({ ...bert, other });
    const sequence = { architectures: ['BertForSequenceClassification'] };
    expect(of(sequence)).toEqual(two);
    expect(of({ ...sequence, id2label })).toEqual({ kind: 'classify', outputs: 3, spans: 0 });
    expect(of({ ...sequence, id2label: { 0: 'LABEL_0' } })).toEqual(headSpec('regress'));
    expect(of({ ...sequence, id2label, problem_type: 'multi_label_classification' })).toBeNull();
    expect(of({ architectures: ['RobertaForTokenClassification'], id2label })).toEqual(headSpec('tag', { classes: 3 }));
    expect(of({ architectures: ['AlbertForQuestionAnswering'] })).toEqual(headSpec('span'));
    expect(of({ architectures: ['BertForMultipleChoice'] })).toEqual(headSpec('choose'));
    expect(of({ architectures: ['BertForMaskedLM'] })).toBeNull();
    expect(of({})).toBeNull();
  });
});

describe('loadModel', () => {
  it('lists all that is missing, unexpected or of another shape', async () => {
    const files = await saveModel(model, bert);
    const tensors = tensorsOf(files);
    tensors.delete('bert.encoder.layer.0.attention.self.key.bias');
    tensors.delete('cls.predictions.transform.dense.weight');
    tensors.set('bert.encoder.layer.2.output.dense.bias', store(new Float32Array(8), [8]));
    tensors.set('embeddings.word_embeddings.weight', store(new Float32Array(88), [11, 8]));
    tensors.set('bert.pooler.dense.weight', store(new Float32Array(32), [4, 8]));
    tensors.set('bert.embeddings.LayerNorm.bias', store(new Float64Array(8), [8]));
    await expect(load(withTensors(files, tensors))).rejects.toThrow(
      new RegExp(
        [
          'load model: received 2 missing: encoder.layer.0.attention.self.key.bias, cls.predictions.transform.dense.weight',
          '2 unexpected: embeddings.word_embeddings.weight, encoder.layer.2.output.dense.bias',
          '2 unfit: embeddings.LayerNorm.bias of F64 for an engine of float32, pooler.dense.weight \\[4, 8\\] instead of \\[8, 8\\], expected',
        ].join('; '),
      ),
    );
    const whole = await load(files, null, engine(cpu(), { dtype: 'float64' }));
    expect(whole.parameters.embeddings.words.dtype).toBe('float64');
  });
  it('does not read names with and without the prefix as one model', async () => {
    const files = await saveModel(model, bert);
    const mixed = [...tensorsOf(files)].map(
      ([name, tensor]) => [name === 'bert.pooler.dense.bias' ? name.slice(5) : name, tensor] as const,
    );
    await expect(load(withTensors(files, mixed))).rejects.toThrow(
      /1 missing: pooler.dense.bias; 1 unexpected: pooler.dense.bias/,
    );
  });
  it('takes old names, buffers, second copies of what is tied, and half precision', async () => {
    const files = await saveModel(model, bert);
    const old = [...tensorsOf(files)].map(
      ([name, tensor]) =>
        [
          name.replace('LayerNorm.weight', 'LayerNorm.gamma').replace('LayerNorm.bias', 'LayerNorm.beta'),
          tensor,
        ] as const,
    );
    const words = tensorsOf(files).get('bert.embeddings.word_embeddings.weight')!;
    const extra = [
      ['bert.embeddings.position_ids', store(Int32Array.of(0, 1, 2), [1, 3])],
      ['cls.predictions.decoder.weight', words],
      ['cls.seq_relationship.weight', store(new Float32Array(16), [2, 8])],
    ] as const;
    const loaded = await load(withTensors(files, [...old, ...extra]));
    expect(numbers(loaded.parameters)).toEqual(numbers(model));
    expect([...loaded.unused].sort()).toEqual(['cls.seq_relationship.weight', 'embeddings.position_ids']);
    const both = [...old, ['bert.embeddings.LayerNorm.weight', store(new Float32Array(8), [8])] as const];
    await expect(load(withTensors(files, both))).rejects.toThrow(
      /1 unexpected: bert.embeddings.LayerNorm.(weight|gamma)/,
    );
    const untied = [...old, ['cls.predictions.decoder.weight', store(new Float32Array(88), [11, 8])] as const];
    await expect(load(withTensors(files, untied))).rejects.toThrow(/decoder.weight differs from embeddings.word/);
    const half = [...tensorsOf(files)].map(
      ([name, { shape }]) =>
        [name, store(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5), shape, 'BF16')] as const,
    );
    const read = await load(withTensors(files, half));
    expect(t.dataSync(read.parameters.embeddings.words)[5]).toBe(0.5);
  });
  it('takes the bias of the decoder under either of its names', async () => {
    const files = await saveModel(model, bert);
    const renamed = [...tensorsOf(files)].map(
      ([name, tensor]) => [name.replace('cls.predictions.bias', 'cls.predictions.decoder.bias'), tensor] as const,
    );
    expect(numbers((await load(withTensors(files, renamed))).parameters)).toEqual(numbers(model));
  });
  it('leaves the parts out that a checkpoint has not', async () => {
    const loaded = await load(await saveModel(initModel(t, key(1), bert, { pooler: false }), bert));
    expect(loaded.parts).toEqual({ pooler: false, mlm: false, head: null });
    expect(loaded.parameters.pooler).toBeUndefined();
    // A head on the pooled state needs it.
    const spec = headSpec('classify', { classes: 2 });
    const files = await saveModel(initModel(t, key(1), bert, { pooler: false }), bert);
    await expect(load(files, spec)).rejects.toThrow(
      /4 missing: pooler.dense.weight, pooler.dense.bias, classifier.weight/,
    );
  });
  it('refuses a mixture of both layouts of experts', async () => {
    const sparse = upcycleModel(initModel(t, key(1), bert), bert, { experts: 2, layers: [0], key: key(2) });
    const each = await saveModel(sparse.parameters, sparse.config);
    const packed = tensorsOf(await saveModel(sparse.parameters, sparse.config, { experts: 'packed' }));
    const mixed = [...tensorsOf(each), ...[...packed].filter(([name]) => name.endsWith('up_proj'))];
    await expect(load(withTensors(each, mixed))).rejects.toThrow(/3 missing: .*; 8 unexpected/);
  });
  it('says what a folder lacks', async () => {
    const files = await saveModel(model, bert);
    await expect(load(new Map())).rejects.toThrow(/without config.json/);
    await expect(load(new Map([...files].slice(1)))).rejects.toThrow(/neither model.safetensors nor/);
    const wider = writeConfig({ ...readConfig(writeConfig(bert)), hidden: 7 });
    const odd = new Map([...files, ['config.json', new TextEncoder().encode(wider)]]);
    await expect(load(odd)).rejects.toThrow(
      /6 unfit: .*encoder.layer.0.intermediate.dense.weight \[6, 8\] instead of \[7, 8\]/,
    );
    const failing = () => Promise.reject(new Error('the disk is gone'));
    await expect(loadModel(t, 'model', failing)).rejects.toThrow(/the disk is gone/);
  });
});
