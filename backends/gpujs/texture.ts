/**
 * Reading element i of a buffer that is a texture: column i mod w of row ⌊i/w⌋. gpu.js divides integers for that, which
 * takes a graphics card longer than all the rest of a product. Here ⌊i/w⌋ comes from a multiplication by 1/w: off by at
 * most one row, as i/w has fewer than 2¹⁵ rows and an error of 2⁻²² or so; the integer remainder then tells exactly, and
 * `carry` (−1, 0 or 1) puts it right.
 */
export const fetchText = (webgl2: boolean): string => `
float fetchElement(sampler2D data, ivec2 size, int i) {
  vec2 texel = 1.0 / vec2(size);
  int row = int((float(i) + 0.5) * texel.x);
  float column = float(i - row * size.x) + 0.5;
  float carry = floor(column * texel.x);
  vec2 place = vec2(column - carry * float(size.x), float(row) + carry + 0.5);
  return ${webgl2 ? 'texture' : 'texture2D'}(data, place * texel).r;
}
#define getFloatFromSampler2D(data, size, dimensions, z, y, x) fetchElement(data, size, x)
`;
