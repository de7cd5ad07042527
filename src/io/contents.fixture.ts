/** The files of a checkpoint of a step: the same for the same step, different for another, of several sizes. */
export function contentsOf(step: number): Map<string, Uint8Array> {
  const weights = new Uint8Array(3000).map((_, at) => (at * 31 + step) & 0xff);
  return new Map([
    ['model.safetensors', weights],
    ['state.json', new TextEncoder().encode(`{"step":${step}}\n`)],
    ['empty', new Uint8Array()],
  ]);
}
