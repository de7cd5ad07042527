/**
 * How the threads agree on work, in one shared array of int32 words. A job is a kernel with its arguments, cut in chunks of
 * items; whoever is free claims the next chunk, the host among them, so that a thread that is late delays nothing.
 *
 * `ticket` holds the job's number above and the next chunk below. A chunk is claimed by compare-and-exchange on the whole
 * word, and the ticket is closed (no chunk left) while the next job is written: a thread that comes late, with what it read of
 * an older job or of half a newer one, claims nothing.
 */
export const word = {
  /** The number of the last job; threads sleep on it. */
  job: 0,
  ticket: 1,
  chunks: 2,
  /** Chunks that are done; the host sleeps on it. */
  done: 3,
  /** Items of the job, and of each chunk but the last. */
  items: 4,
  grain: 5,
  /** Of the kernel, in the order of the module's exports. */
  kernel: 6,
  arity: 7,
  /** 1 + the number of the thread in which a kernel trapped; 0: none. */
  trapped: 8,
  /** Threads that are ready. */
  ready: 9,
} as const;

/** The arguments: float64 numbers behind the words. */
export const argumentsAt = 128;
export const maxArguments = 40;
export const controlBytes = argumentsAt + 8 * maxArguments;

/** A chunk's number takes the lower bits of the ticket. */
export const chunkBits = 12;
export const maxChunks = 2 ** chunkBits - 1;
/** Jobs are numbered up to here and then from 0 again. */
export const jobMask = 2 ** (31 - chunkBits) - 1;

/** How often a thread looks for the next job before it sleeps: waking it costs more than a small kernel. */
const spins = 2000;

/**
 * What a thread runs, as text: neither a bundler nor a server has to find a file. It sleeps until there is a new job,
 * claims chunks until none is left, and sleeps again. A trap ends no thread: it is told to the host.
 */
export const threadSource = `
const serve = ({ module, memory, control, thread }) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory }, thread: { thread } });
  const kernels = Object.values(exports).filter((one) => typeof one === 'function');
  const words = new Int32Array(control, 0, ${argumentsAt / 4});
  const numbers = new Float64Array(control, ${argumentsAt}, ${maxArguments});
  let seen = Atomics.load(words, ${word.job});
  Atomics.add(words, ${word.ready}, 1);
  Atomics.notify(words, ${word.ready});
  for (;;) {
    for (let spin = 0; spin < ${spins} && Atomics.load(words, ${word.job}) === seen; spin++);
    Atomics.wait(words, ${word.job}, seen);
    seen = Atomics.load(words, ${word.job});
    const kernel = kernels[Atomics.load(words, ${word.kernel})];
    const args = Array.from(numbers.subarray(0, Atomics.load(words, ${word.arity})));
    const chunks = Atomics.load(words, ${word.chunks});
    const items = Atomics.load(words, ${word.items});
    const grain = Atomics.load(words, ${word.grain});
    for (;;) {
      const ticket = Atomics.load(words, ${word.ticket});
      const chunk = ticket & ${maxChunks};
      if (ticket >> ${chunkBits} !== seen || chunk >= chunks) break;
      if (Atomics.compareExchange(words, ${word.ticket}, ticket, ticket + 1) !== ticket) continue;
      try {
        kernel(...args, chunk * grain, Math.min(items, (chunk + 1) * grain));
      } catch {
        Atomics.store(words, ${word.trapped}, 1 + thread);
      }
      if (Atomics.add(words, ${word.done}, 1) + 1 === chunks) Atomics.notify(words, ${word.done});
    }
  }
};
`;
