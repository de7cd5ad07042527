import { type CpuBackend, type CpuBuffer, cpu } from '../../backends/cpu/index.ts';
import { declined } from '../../src/backend.ts';
import { type Fault, withBackend, withKernels } from './faulty-engine.ts';

/** Deliberate faults of storage, order, memory and promises: of the backend as a whole and not of one kernel. */

const definition = 'law 10, equals its definition';

/** A read that looks at its buffer only when somebody waits for it, over memory that is used again. */
const lateReads = withBackend(
  (backend): Partial<CpuBackend> => ({
    readSync: undefined,
    async read(buffer, offset, length) {
      const { data } = buffer;
      await Promise.resolve();
      return data.slice(offset, offset + length);
    },
    free(buffer) {
      buffer.data.fill(99);
      backend.free(buffer);
    },
  }),
);

export const faults: readonly Fault[] = [
  {
    name: 'reads start at the beginning of the buffer',
    caughtBy: ['storage: a part of a buffer is read from its own place', 'storage: strided ndarrays go in and out'],
    dtype: 'float32',
    on: withBackend(({ readSync }) => {
      const read = (buffer: CpuBuffer, _: number, length: number) => readSync(buffer, 0, length);
      return { readSync: read, read: async (...given) => read(...given) };
    }),
  },
  {
    name: 'copy takes flipped axes as they lie',
    operation: 'copy',
    caughtBy: ['storage: views are read in their own order', 'strided equals contiguous'],
    dtype: 'float32',
    on: withKernels(({ copy }) => ({
      copy([x], attrs, outputs) {
        const flipped = x.strides.map((stride, axis) => (stride < 0 ? stride * (x.shape[axis] - 1) : 0));
        const first = x.offset + flipped.reduce((sum, back) => sum + back, 0);
        return copy(
          [x.shape.includes(0) ? x : { ...x, strides: x.strides.map(Math.abs), offset: first }],
          attrs,
          outputs,
        );
      },
    })),
  },
  {
    name: 'uploads keep 16 bits of a number',
    caughtBy: ['storage: typed arrays come back as they went in', 'storage: nested arrays are rows of rows'],
    dtype: 'float32',
    on: withBackend(({ upload }) => ({
      upload(data, dtype) {
        if (data instanceof Float32Array) {
          const bits = new Int32Array(data.slice().buffer);
          return upload(new Float32Array(bits.map((pattern) => pattern & ~0xffff).buffer), dtype);
        }
        return upload(data, dtype);
      },
    })),
  },
  {
    name: 'reading a freed buffer gives zeros',
    caughtBy: 'storage: buffers are counted, freed once, and refused afterwards',
    dtype: 'float32',
    on: withBackend(() => ({ free: (buffer: CpuBuffer) => void buffer.data.fill(0) })),
  },
  {
    name: 'whole numbers are held in Float32, and 2³¹ − 1 of them declared',
    caughtBy: 'limits: whole numbers up to limits.integer are exact',
    dtype: 'float32',
    on: withBackend(({ upload }) => ({
      upload: (data, dtype) => upload(data instanceof Int32Array ? data.map(Math.fround) : data, dtype),
    })),
  },
  {
    name: 'whole numbers beyond the declared limit are taken without a word',
    caughtBy: 'limits: whole numbers beyond limits.integer are refused',
    dtype: 'float32',
    on: withBackend(({ limits, upload }) => ({
      limits: { ...limits, integer: 2 ** 24 },
      upload: (data, dtype) => upload(data instanceof Int32Array ? data.map(Math.fround) : data, dtype),
    })),
  },
  {
    name: 'more elements than the declared limit are taken without a word',
    caughtBy: 'limits: a tensor of more elements than limits.elements is refused before anything is allocated',
    dtype: 'float32',
    on: withBackend(({ limits }) => ({ limits: { ...limits, elements: 2 ** 16 } })),
  },
  {
    name: 'a read looks at its buffer when somebody waits for it',
    caughtBy: [
      'issue order: a read sees what was issued before it, and nothing that was issued or freed after',
      'issue order: a region disposed while its reads are pending does not change what they see',
    ],
    dtype: 'float32',
    on: lateReads,
  },
  {
    name: 'negative computes in the buffer that was freed last, pending reads or not',
    caughtBy: 'issue order: a read sees what was issued before it, and nothing that was issued or freed after',
    dtype: 'float32',
    on: {
      create() {
        const backend = cpu();
        let spare: CpuBuffer['data'] | null = null;
        return {
          ...backend,
          readSync: undefined,
          // Not a copy: what is handed out is the memory itself.
          read: async ({ data }: CpuBuffer, offset: number, length: number) => data.subarray(offset, offset + length),
          free(buffer: CpuBuffer) {
            if (buffer.data instanceof Float32Array && buffer.data.length > 0) spare = buffer.data;
            backend.free(buffer);
          },
          kernels: {
            ...backend.kernels,
            unary(...call: Parameters<CpuBackend['kernels']['unary']>) {
              const result = backend.kernels.unary(...call) as readonly CpuBuffer[];
              const [buffer] = result;
              if (call[1].kind !== 'negative' || spare?.length !== buffer.data.length) return result;
              spare.set(buffer.data);
              buffer.data = spare;
              spare = null;
              return result;
            },
          },
        };
      },
    },
  },
  {
    name: 'exp keeps a temporary for every call',
    operation: 'exp',
    caughtBy: 'no leaks: buffers return to the baseline',
    dtype: 'float32',
    on: withKernels(({ unary }, { upload }) => {
      const kept: CpuBuffer[] = [];
      return {
        unary(inputs, attrs, outputs) {
          if (attrs.kind === 'exp') kept.push(upload(new Float32Array(8), 'float32'));
          return unary(inputs, attrs, outputs);
        },
      };
    }),
  },
  {
    name: 'gather keeps the result of a call that it refuses',
    operation: 'gather',
    caughtBy: 'no leaks: refused calls leave nothing behind',
    dtype: 'float32',
    on: withKernels(({ gather }, { upload }) => {
      const kept: CpuBuffer[] = [];
      return {
        gather(inputs, attrs, outputs) {
          try {
            return gather(inputs, attrs, outputs);
          } catch (refused) {
            kept.push(upload(new Float32Array(8), 'float32'));
            throw refused;
          }
        },
      };
    }),
  },
  {
    name: 'the kernel of gelu is declared, and declines every call',
    operation: 'gelu',
    caughtBy: 'declared kernels really run',
    dtype: 'float32',
    on: withKernels(() => ({ gelu: () => declined('not today') })),
  },
  {
    name: 'the kernel of layerNorm runs on empty tensors only',
    operation: 'layerNorm',
    caughtBy: 'declared kernels really run',
    dtype: 'float32',
    on: withKernels(({ layerNorm }) => ({
      layerNorm: (inputs, attrs, outputs) =>
        inputs[0].shape.includes(0) ? layerNorm!(inputs, attrs, outputs) : declined('an element to compute'),
    })),
  },
  {
    name: 'matmul adds up in an order that changes from call to call',
    operation: 'matmul',
    caughtBy: 'repeats bit for bit',
    dtype: 'float32',
    on: withKernels(({ matmul }) => {
      let calls = 0;
      return {
        matmul(inputs, attrs, outputs) {
          const [buffer] = matmul!(inputs, attrs, outputs) as readonly CpuBuffer[];
          // what another order of adding leaves: the last bit
          if (calls++ % 2 === 1 && buffer.data instanceof Float32Array) {
            const bits = new Int32Array(buffer.data.buffer, buffer.data.byteOffset, buffer.data.length);
            buffer.data.forEach((value, i) => {
              if (value !== 0) bits[i] ^= 1;
            });
          }
          return [buffer];
        },
      };
    }),
  },
  {
    name: 'a declared precision of exp that is not kept',
    operation: 'exp',
    caughtBy: definition,
    dtype: 'float32',
    on: withKernels(({ unary }) => ({
      unary(inputs, attrs, outputs) {
        const [buffer] = unary(inputs, attrs, outputs) as readonly CpuBuffer[];
        if (attrs.kind === 'exp' && buffer.data instanceof Float32Array)
          buffer.data.forEach((value, i) => {
            buffer.data[i] = value * (1 + 2 ** -20);
          });
        return [buffer];
      },
    })),
  },
];
