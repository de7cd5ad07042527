import { DeviceError, type OmoeError } from '../../src/errors.ts';
import { type Adapter, type GlContext, type Gpu, type Library, loadLibrary, type Shortcut } from './library.ts';

/** Opening gpu.js in one of its modes, and telling which one really runs. */

export const modes = ['webgpu', 'webgl2', 'webgl', 'headlessgl', 'webasm', 'cpu'] as const;
export type Mode = (typeof modes)[number];

export interface GpuDevice {
  readonly mode: Mode;
  readonly name: string;
  readonly notes: readonly string[];
  readonly gpu: Gpu;
  /** The context of the GL modes. */
  readonly gl: GlContext | null;
  /** Elements of one buffer, and what sets that limit. */
  readonly elements: number;
  readonly limitedBy: string;
  /** An element takes a texel of four floats on WebGL 1, and one float elsewhere. */
  readonly bytesPerElement: number;
  /** Every call of gpu.js returns a promise. */
  readonly pending: boolean;
  /** Resolves when the device is lost; on GL there is `isLost` besides, which knows at once. */
  readonly lost: Promise<void>;
  isLost(): boolean;
  /**
   * What went wrong on the device since this was asked last, which no call tells: that memory was not to be had, or on WebGPU
   * any error. Asking GL waits for all that was issued.
   */
  fault(): string | null;
  /** What a kernel that ran really ran on. */
  modeOf(kernel: Shortcut): Mode | undefined;
  close(): Promise<void>;
}

type Candidate = Omit<GpuDevice, 'modeOf'> & { readonly software: boolean };

const kernelClass = {
  webgpu: 'WebGPUKernel',
  webgl2: 'WebGL2Kernel',
  webgl: 'WebGLKernel',
  headlessgl: 'HeadlessGLKernel',
  webasm: 'WebAssemblyKernel',
  cpu: 'CPUKernel',
} as const satisfies Record<Mode, keyof Library>;

const isGl = (mode: Mode): mode is 'webgl2' | 'webgl' | 'headlessgl' =>
  mode === 'webgl2' || mode === 'webgl' || mode === 'headlessgl';

const never = new Promise<void>(() => {});
const softwareNames = /llvmpipe|softpipe|swiftshader|swrast|software|basic render/i;

const softwareNote = (name: string) =>
  `${name} renders on the CPU: results are right, but webasm is usually faster; time nothing on it`;

/** What was asked for, and what there is instead. */
const cannot = (mode: string, received: string, advice?: string): DeviceError =>
  new DeviceError({ operation: `gpujs({ mode: '${mode}' })`, received, expected: `a device for ${mode}`, advice });

/**
 * What a kernel really runs on, asked of the kernel object after it ran: gpu.js replaces a kernel by one of another mode
 * without an error (headlessgl without a display becomes webasm).
 */
function modeOf(kernel: Shortcut, library: Library): Mode | undefined {
  return modes.find((mode) => kernel.kernel.constructor === library[kernelClass[mode]]);
}

/** @throws DeviceError where no kernel runs in this mode, naming what was asked and what was got */
async function open(mode: Mode, library: Library): Promise<Candidate> {
  const supported = (() => {
    try {
      return library[kernelClass[mode]]?.isSupported === true;
    } catch {
      return false;
    }
  })();
  if (!supported) throw cannot(mode, unsupported[mode]);
  const opened = isGl(mode) ? openGl(mode, library) : await openOther[mode](library);
  const failed = async (error: OmoeError): Promise<never> => {
    await opened.close();
    throw error;
  };
  // The proof: a kernel that ran, on the mode that was asked for, and gave the right value.
  try {
    const kernel = opened.gpu.createKernel('function(x) { return x + 1; }', {
      ...kernelSettings,
      output: [1],
      functions: [],
      argumentTypes: ['Float'],
    });
    const result = (await kernel(2)) as
      | Float32Array
      | { toArray(): Float32Array | Promise<Float32Array>; delete(): void };
    const got = modeOf(kernel, library);
    const value = result instanceof Float32Array ? result[0] : (await result.toArray())[0];
    if (!(result instanceof Float32Array)) result.delete();
    if (got !== mode) return failed(cannot(mode, `a kernel that runs on ${got ?? 'something unknown'}`));
    if (value !== 3) return failed(cannot(mode, `2 + 1 = ${value}`, 'The driver computes wrongly.'));
  } catch (error) {
    if (error instanceof DeviceError) throw error;
    await opened.close();
    throw cannot(mode, `an error of gpu.js: ${error instanceof Error ? error.message : String(error)}`);
  }
  return opened;
}

/** Settings of every kernel; program.ts says why the types of arguments are always given. */
export const kernelSettings = {
  pipeline: true,
  immutable: true,
  dynamicOutput: true,
  dynamicArguments: true,
  precision: 'single',
  tactic: 'precision',
  // gpu.js cuts loops whose bound is an argument after this many rounds, without a word. No buffer has so many elements.
  loopMaxIterations: 2 ** 30,
  // Would divide whole numbers in integers, which is exact for nobody who divides by 3.
  fixIntegerDivisionAccuracy: false,
  returnType: 'Number',
} as const;

const unsupported: Readonly<Record<Mode, string>> = {
  webgpu: 'a platform without navigator.gpu',
  webgl2: 'a platform without WebGL 2, or without float textures',
  webgl: 'a platform without WebGL, or without float textures',
  headlessgl: 'no OpenGL context: the package gl is missing, or there is no display (run under xvfb-run -a)',
  webasm: 'a platform without WebAssembly',
  cpu: 'no JavaScript kernels',
};

// 2²⁷ floats: seven operands and the result then fill the 4 GiB that a WebAssembly memory can have.
const wasmElements = 2 ** 27;
const cpuElements = 2 ** 30;

const openOther: Readonly<Record<'webgpu' | 'webasm' | 'cpu', (library: Library) => Promise<Candidate>>> = {
  async webgpu({ GPU, WebGPUContext }) {
    const { adapter, device } = await WebGPUContext.acquire().catch((error: unknown) => {
      throw cannot('webgpu', `no adapter (${error instanceof Error ? error.message : String(error)})`);
    });
    const name = adapterName(adapter);
    const software =
      (adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter) === true || softwareNames.test(name);
    const bytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);
    const gpu = new GPU({ mode: 'webgpu' });
    let gone = false;
    let fault: string | null = null;
    const onError = ({ error }: { readonly error: Error }): void => {
      fault ??= error.message;
    };
    device.addEventListener('uncapturederror', onError);
    const lost = device.lost.then(() => {
      gone = true;
    });
    return {
      mode: 'webgpu',
      name,
      software,
      notes: software ? [softwareNote(name)] : [],
      gpu,
      gl: null,
      // Addresses are int32 in the shaders.
      elements: Math.min(Math.floor(bytes / 4), 2 ** 30),
      limitedBy: `a storage buffer of ${bytes} bytes`,
      bytesPerElement: 4,
      pending: true,
      lost,
      isLost: () => gone,
      fault() {
        const taken = fault;
        fault = null;
        return taken;
      },
      close() {
        device.removeEventListener('uncapturederror', onError);
        return gpu.destroy();
      },
    };
  },
  async webasm({ GPU }) {
    return onHost('webasm', new GPU({ mode: 'webasm' }), wasmElements, 'the 4 GiB of a WebAssembly memory', [
      'gpu.js runs its kernels as WebAssembly on one thread; no graphics card is used',
    ]);
  },
  async cpu({ GPU }) {
    return onHost('cpu', new GPU({ mode: 'cpu' }), cpuElements, 'the longest array of the mode cpu', [
      'gpu.js runs its kernels as JavaScript; no graphics card is used',
    ]);
  },
};

const onHost = (mode: Mode, gpu: Gpu, elements: number, limitedBy: string, notes: readonly string[]): Candidate => ({
  mode,
  name: mode === 'cpu' ? 'gpu.js in JavaScript' : 'gpu.js in WebAssembly',
  software: false,
  notes,
  gpu,
  gl: null,
  elements,
  limitedBy,
  bytesPerElement: 4,
  pending: false,
  lost: never,
  isLost: () => false,
  fault: () => null,
  close: () => gpu.destroy(),
});

const adapterName = ({ info }: Adapter): string =>
  info?.description ||
  [info?.vendor, info?.architecture, info?.device].filter(Boolean).join(' ') ||
  'an unnamed adapter';

function openGl(mode: 'webgl2' | 'webgl' | 'headlessgl', { GPU }: Library): Candidate {
  const canvas = mode === 'headlessgl' ? null : makeCanvas();
  const context = canvas?.getContext(mode as 'webgl', {
    alpha: false,
    depth: false,
    antialias: false,
    powerPreference: 'high-performance',
  }) as GlContext | null | undefined;
  if (canvas && !context) throw cannot(mode, 'no context from a new canvas');
  // gpu.js gives its canvas the size of the largest texture. All drawing goes to textures, so it gets a canvas on paper.
  const gpu = context ? new GPU({ context, canvas: { width: 1, height: 1 } }) : new GPU({ mode });
  let gone = false;
  const lost = new Promise<void>((resolve) =>
    canvas?.addEventListener('webglcontextlost', () => {
      gone = true;
      resolve();
    }),
  );
  const candidate = (gl: GlContext): Omit<Candidate, 'notes'> => {
    const size = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number;
    const viewport = gl.getParameter(gl.MAX_VIEWPORT_DIMS) as ArrayLike<number>;
    const side = Math.min(size, viewport[0], viewport[1]);
    const name = rendererName(gl, mode);
    return {
      mode,
      name,
      software: softwareNames.test(name),
      gpu,
      gl,
      elements: side * side,
      limitedBy: `a texture of ${side} × ${side}`,
      bytesPerElement: mode === 'webgl2' ? 4 : 16,
      pending: false,
      lost,
      isLost: () => gone || gl.isContextLost(),
      fault: () => (outOfMemory(gl) ? 'out of memory' : null),
      async close() {
        await gpu.destroy();
        gl.getExtension('WEBGL_lose_context')?.loseContext();
      },
    };
  };
  // headless-gl makes its context with the first kernel.
  const gl = context ?? headlessContext(gpu);
  const made = candidate(gl);
  const notes = made.software
    ? [softwareNote(made.name)]
    : mode === 'headlessgl'
      ? ['headless-gl does not tell what renders; without a hardware driver it is Mesa on the CPU, slower than webasm']
      : [];
  return { ...made, notes };
}

/** GL keeps one flag for each kind of error, five at most, and each question takes one. */
function outOfMemory(gl: GlContext): boolean {
  let found = false;
  for (let question = 0; question < 5; question++) {
    const error = gl.getError();
    if (error === gl.NO_ERROR) break;
    found ||= error === gl.OUT_OF_MEMORY;
  }
  return found;
}

function headlessContext(gpu: Gpu): GlContext {
  gpu.createKernel('function() { return 0; }', { ...kernelSettings, output: [1], functions: [], argumentTypes: [] });
  const gl = gpu.context as GlContext & { getExtension(name: string): { resize(w: number, h: number): void } | null };
  // gpu.js grows the window to the largest texture with each kernel it builds. Nothing is ever drawn to the window.
  const drawingBuffer = gl.getExtension('STACKGL_resize_drawingbuffer');
  if (drawingBuffer) drawingBuffer.resize = () => {};
  return gl;
}

interface Canvas {
  getContext(kind: string, options: object): unknown;
  addEventListener(event: string, listener: () => void): void;
}
const makeCanvas = (): Canvas =>
  typeof OffscreenCanvas === 'undefined' ? document.createElement('canvas') : (new OffscreenCanvas(1, 1) as Canvas);

function rendererName(gl: GlContext, mode: Mode): string {
  const unmasked = gl.getExtension('WEBGL_debug_renderer_info');
  const name = unmasked ? gl.getParameter(unmasked.UNMASKED_RENDERER_WEBGL) : gl.getParameter(gl.RENDERER);
  return mode === 'headlessgl' ? `${name}, ${gl.getParameter(gl.VERSION)}` : String(name);
}

/**
 * The order of `auto`: graphics hardware, where WebGPU comes first for its buffers of plain floats; then WebAssembly, which
 * on a CPU beats a graphics stack that is emulated on the same CPU; then the emulations; JavaScript last. headlessgl counts
 * as an emulation, since it cannot be asked what renders.
 */
async function choose(library: Library): Promise<Candidate> {
  const refusals: string[] = [];
  const emulated: Mode[] = [];
  const tryMode = async (mode: Mode, hardwareOnly: boolean): Promise<Candidate | null> => {
    let device: Candidate;
    try {
      device = await open(mode, library);
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      refusals.push(`${mode}: ${error.complaint.received}`);
      return null;
    }
    if (hardwareOnly && device.software) {
      refusals.push(`${mode}: ${device.name} renders on the CPU`);
      emulated.push(mode);
      await device.close();
      return null;
    }
    return {
      ...device,
      notes: [`auto chose ${mode} (${refusals.join('; ') || 'the first of its order'})`, ...device.notes],
    };
  };
  for (const mode of ['webgpu', 'webgl2', 'webgl'] as const) {
    const device = await tryMode(mode, true);
    if (device) return device;
  }
  refusals.push('headlessgl: has to be asked for by name, as it does not tell what renders');
  for (const mode of ['webasm', ...emulated, 'headlessgl', 'cpu'] as const) {
    const device = await tryMode(mode, false);
    if (device) return device;
  }
  throw cannot('auto', refusals.join('; '));
}

/** @throws DeviceError where the mode is not to be had: nothing is ever substituted */
export async function openDevice(mode: Mode | 'auto', module: unknown): Promise<GpuDevice> {
  const library = await loadLibrary(module);
  const device = mode === 'auto' ? await choose(library) : await open(mode, library);
  return { ...device, modeOf: (kernel) => modeOf(kernel, library) };
}
