import { readFileSync } from 'node:fs';
import * as ort from 'onnxruntime-web';
import { serve } from './serve.mjs';

/** onnxruntime-web: a model of one MatMul, b a constant of it as weights are, so that it may be packed once. */

const { version } = JSON.parse(readFileSync(new URL('./node_modules/onnxruntime-web/package.json', import.meta.url)));

// A protobuf by hand: fields of varints (type 0) and of bytes (type 2).
const varint = (n) => (n < 128 ? [n] : [(n % 128) + 128, ...varint(Math.floor(n / 128))]);
const number = (field, n) => Buffer.from([...varint(field * 8), ...varint(n)]);
const bytes = (field, content) => {
  const body = Buffer.from(content);
  return Buffer.concat([Buffer.from([...varint(field * 8 + 2), ...varint(body.length)]), body]);
};
const join = (...parts) => Buffer.concat(parts);
const float = 1;

/** ValueInfoProto: name, and a tensor type of float and a shape. */
const valueInfo = (name, shape) => {
  const dimensions = join(...shape.map((n) => bytes(1, number(1, n))));
  return join(bytes(1, name), bytes(2, bytes(1, join(number(1, float), bytes(2, dimensions)))));
};

function matmulModel({ m, inner, n }, b) {
  const node = join(bytes(1, 'a'), bytes(1, 'b'), bytes(2, 'y'), bytes(4, 'MatMul'));
  const constant = join(
    number(1, inner),
    number(1, n),
    number(2, float),
    bytes(8, 'b'),
    bytes(9, Buffer.from(b.buffer)),
  );
  const graph = join(
    ...[bytes(1, node), bytes(2, 'matmul'), bytes(5, constant)],
    ...[bytes(11, valueInfo('a', [m, inner])), bytes(12, valueInfo('y', [m, n]))],
  );
  return join(number(1, 8), bytes(7, graph), bytes(8, number(2, 13))); // IR version, graph, operator set
}

serve(async ({ spec, threads, input, output }) => {
  if (spec.kind !== 'matmul')
    return { cannot: 'it runs models and does not train: no gradients in onnxruntime-web’s inference package' };
  ort.env.wasm.numThreads = threads;
  const model = matmulModel(spec, input('b'));
  const session = await ort.InferenceSession.create(new Uint8Array(model), { executionProviders: ['wasm'] });
  const feeds = { a: new ort.Tensor('float32', input('a'), [spec.m, spec.inner]) };
  const call = () => session.run(feeds);
  output('y', (await call()).y.data);
  return { version: `onnxruntime-web ${version}, wasm, b a constant of the model, copies a and y`, call };
});
