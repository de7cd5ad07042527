/**
 * Reading element i of a buffer that is a texture: column i mod w of row ⌊i/w⌋. gpu.js divides integers for that, which
 * takes a graphics card longer than all the rest of a product. Here ⌊i/w⌋ comes from a multiplication by 1/w: off by at
 * most one row, as i/w has fewer than 2¹⁵ rows and an error of 2⁻²² or so; the integer remainder then tells exactly, and
 * `carry` (−1, 0 or 1) puts it right.
 */
const fetchExact = (sample: string): string => `
float fetchElement(sampler2D data, ivec2 size, int i) {
  vec2 texel = 1.0 / vec2(size);
  int row = int((float(i) + 0.5) * texel.x);
  float column = float(i - row * size.x) + 0.5;
  float carry = floor(column * texel.x);
  vec2 place = vec2(column - carry * float(size.x), float(row) + carry + 0.5);
  return ${sample}(data, place * texel).r;
}`;

/**
 * Up to here nothing has to be put right. (i + ½)/w is a division, at most 2.5 ulp off on any device, and a multiplication:
 * its relative error is below 3 · 2⁻²³, hence (i + ½) · 3 · 2⁻²³ ≤ 3/8 of a texel for i < 2²⁰, and the middle of a texel is
 * half a texel away from its neighbours.
 */
export const nearElements = 2 ** 20;

const fetchNear = (sample: string): string => `
float fetchElement(sampler2D data, ivec2 size, int i) {
  vec2 texel = 1.0 / vec2(size);
  float at = (float(i) + 0.5) * texel.x;
  return ${sample}(data, vec2(fract(at), (floor(at) + 0.5) * texel.y)).r;
}`;

/** The way kernels read their buffers; `near`: none of which has more than `nearElements`. */
export const fetchText = (webgl2: boolean, near: boolean): string =>
  `${(near ? fetchNear : fetchExact)(webgl2 ? 'texture' : 'texture2D')}
#define getFloatFromSampler2D(data, size, dimensions, z, y, x) fetchElement(data, size, x)
`;
