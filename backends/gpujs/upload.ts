import type { Cell } from './buffer.ts';
import type { GpuDevice } from './device.ts';
import type { GlContext } from './library.ts';
import type { Program } from './program.ts';

/**
 * From the host to the device. On GL the numbers go up four to a texel, and a kernel spreads them, one to a texel as all
 * kernels expect them. gpu.js can upload too, but writes later arrays of another size into the texture of the first, which
 * headless-gl refuses; then the kernel reads the first array again. Hence a new texture each time.
 */

const unpackProgram: Program = { key: 'unpack', parameters: { x: 'packed' }, body: 'return x[this.thread.x];' };

/** A texture in the form that gpu.js takes as an argument. */
class PackedTexture {
  readonly type = 'MemoryOptimizedNumberTexture';
  readonly texture: WebGLTexture;
  readonly context: GlContext;
  readonly size: Int32Array;
  readonly dimensions: Int32Array;
  readonly output: readonly number[];

  constructor(gl: GlContext, data: Float32Array) {
    const texels = Math.ceil(data.length / 4);
    const width = Math.max(1, Math.floor(Math.sqrt(texels)));
    const height = Math.ceil(texels / width);
    const padded = new Float32Array(width * height * 4);
    padded.set(data);
    this.context = gl;
    this.size = new Int32Array([width, height]);
    this.dimensions = new Int32Array([data.length, 1, 1]);
    this.output = [data.length];
    this.texture = gl.createTexture()!;
    gl.activeTexture(gl.TEXTURE0);
    gl.bindTexture(gl.TEXTURE_2D, this.texture);
    for (const [name, value] of [
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE],
      [gl.TEXTURE_MIN_FILTER, gl.NEAREST],
      [gl.TEXTURE_MAG_FILTER, gl.NEAREST],
    ])
      gl.texParameteri(gl.TEXTURE_2D, name, value);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    const format = 'RGBA32F' in gl ? gl.RGBA32F : gl.RGBA;
    gl.texImage2D(gl.TEXTURE_2D, 0, format, width, height, 0, gl.RGBA, gl.FLOAT, padded);
  }
  delete(): void {
    this.context.deleteTexture(this.texture);
  }
}

type RunInto = (operation: string, program: Program, args: readonly (Cell | number)[], length: number) => Cell;

export function createUpload({ gl }: GpuDevice, runInto: RunInto): (operation: string, data: Float32Array) => Cell {
  const held = (value: unknown): Cell => ({ value: value as Cell['value'], failure: null, bytes: 0 });
  return (operation, data) => {
    if (!gl) return runInto(operation, unpackProgram, [held(data)], data.length);
    const packed = new PackedTexture(gl, data);
    try {
      return runInto(operation, unpackProgram, [held(packed)], data.length);
    } finally {
      packed.delete();
    }
  };
}
