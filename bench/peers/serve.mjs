import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/**
 * A library's side of the conversation, one JSON object a line:
 *   {"prepare": {"spec", "inputs": [{name, shape, file}], "out": folder, "threads"}} -> {"version"} or {"cannot": reason}
 *   {"sample": calls} -> {"ms": of one call}
 * Numbers travel as files of Float32. Answers begin with a mark, as libraries print what they like.
 */
export const mark = '@bench ';

/**
 * @param prepare ({spec, input, output, threads}) -> {version, call} or {cannot}: `input(name)` gives the Float32Array, `output`
 *   writes one; `call` does the work once and resolves when it is done.
 */
export function serve(prepare) {
  const answer = (object) => process.stdout.write(`${mark}${JSON.stringify(object)}\n`);
  let call = null;
  const handle = async (message) => {
    if (message.prepare) {
      const { spec, inputs, out, threads } = message.prepare;
      const ready = await prepare({
        ...{ spec, threads },
        input(name) {
          const { file } = inputs.find((each) => each.name === name);
          const bytes = readFileSync(file);
          return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
        },
        shape: (name) => inputs.find((each) => each.name === name).shape,
        output: (name, data) =>
          writeFileSync(join(out, `${name}.f32`), new Uint8Array(data.buffer, data.byteOffset, data.byteLength)),
      });
      if (ready.cannot) return { cannot: ready.cannot };
      call = ready.call;
      return { version: ready.version };
    }
    const start = performance.now();
    for (let i = 0; i < message.sample; i++) await call();
    return { ms: (performance.now() - start) / message.sample };
  };
  createInterface({ input: process.stdin }).on('line', (line) => {
    handle(JSON.parse(line)).then(answer, (error) => answer({ error: String(error?.stack ?? error) }));
  });
  process.stdin.on('end', () => process.exit(0));
}

/** Row numbers by expert: what a library without a grouped product has to find out on the host in each step. */
export function grouped(chosen, experts) {
  const rows = Array.from({ length: experts }, () => []);
  chosen.forEach((expert, slot) => {
    rows[expert].push(slot);
  });
  return rows;
}

/** The parameters by path, as inputs, gradients and results are named. */
export const paths = ['router.weight', 'fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'];
