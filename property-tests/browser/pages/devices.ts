/**
 * Looks over the shoulder of whoever uses WebGL or WebGPU in this page: which devices there are, and how many textures and
 * buffers live on them. Has to be installed before the first device is made.
 */
export interface Watched {
  /** Textures and WebGPU buffers that were made and not deleted. */
  live(): number;
  /** How many were made. */
  made(): number;
  /** Takes every device away, as a driver that crashes does. */
  lose(): void;
  /** Gives the WebGL contexts back; WebGPU has no such thing. */
  restore(): void;
}

type Method = (this: object, ...given: unknown[]) => unknown;

/** @param after is told each result of the method, and what it was called on */
function listen(
  owner: object | undefined,
  name: string,
  after: (result: unknown, self: object, given: unknown[]) => void,
) {
  const original = owner && (Reflect.get(owner, name) as Method | undefined);
  if (!original) return;
  Reflect.set(owner, name, function (this: object, ...given: unknown[]) {
    const result = original.apply(this, given);
    after(result, this, given);
    return result;
  });
}

const prototypeOf = (name: string): object | undefined =>
  (Reflect.get(globalThis, name) as { prototype: object } | undefined)?.prototype;

export function watchDevices(): Watched {
  const contexts = new Map<WebGLRenderingContext, WEBGL_lose_context>();
  const devices = new Set<{ destroy(): void }>();
  const alive = new Set<unknown>();
  let made = 0;
  const born = (thing: unknown) => {
    made++;
    alive.add(thing);
  };

  for (const canvas of ['HTMLCanvasElement', 'OffscreenCanvas'])
    listen(prototypeOf(canvas), 'getContext', (context, _, [kind]) => {
      if (!context || !String(kind).startsWith('webgl')) return;
      const gl = context as WebGLRenderingContext;
      // Asked for now: a lost context gives no extensions any more.
      if (!contexts.has(gl)) contexts.set(gl, gl.getExtension('WEBGL_lose_context')!);
    });
  for (const context of ['WebGLRenderingContext', 'WebGL2RenderingContext']) {
    listen(prototypeOf(context), 'createTexture', born);
    listen(prototypeOf(context), 'deleteTexture', (_, __, [texture]) => alive.delete(texture));
  }
  listen(prototypeOf('GPUAdapter'), 'requestDevice', (pending) => {
    (pending as Promise<{ destroy(): void }>).then((device) => devices.add(device));
  });
  listen(prototypeOf('GPUDevice'), 'createBuffer', born);
  listen(prototypeOf('GPUBuffer'), 'destroy', (_, buffer) => alive.delete(buffer));

  return {
    live: () => alive.size,
    made: () => made,
    lose() {
      for (const [gl, extension] of contexts) if (!gl.isContextLost()) extension.loseContext();
      for (const device of devices) device.destroy();
    },
    restore() {
      for (const [gl, extension] of contexts) if (gl.isContextLost()) extension.restoreContext();
    },
  };
}
