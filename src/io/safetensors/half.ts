/**
 * The two 16-bit floating-point types, bit by bit: F16 (IEEE 754 binary16: 5 exponent bits, 10 of fraction) and BF16
 * (the upper half of a Float32: 8 exponent bits, 7 of fraction).
 */
export type Half = 'F16' | 'BF16';

interface Layout {
  readonly fraction: number;
  /** The exponent of the smallest normal number; below it the spacing no longer shrinks. */
  readonly least: number;
  readonly largest: number;
}

const layouts: Readonly<Record<Half, Layout>> = {
  F16: { fraction: 10, least: -14, largest: 65504 },
  BF16: { fraction: 7, least: -126, largest: (2 - 2 ** -7) * 2 ** 127 },
};

/** Bits of a half as the bits of the Float32 of the same value, exactly; a NaN keeps its sign and payload. */
export function widenBits(bits: number, half: Half): number {
  if (half === 'BF16') return (bits << 16) >>> 0;
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return (sign | 0x7f800000 | (fraction << 13)) >>> 0;
  if (exponent > 0) return (sign | ((exponent + 112) << 23) | (fraction << 13)) >>> 0;
  if (fraction === 0) return sign >>> 0;
  // Subnormal, fraction · 2^-24: in Float32 it is normal, so its highest bit becomes the hidden one.
  const shift = Math.clz32(fraction) - 21;
  return (sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13)) >>> 0;
}

/**
 * Bits of a Float32 that is a half exactly (see {@link roundToHalf}) as that half. A NaN keeps its sign and what of its
 * payload fits; where nothing of it fits it is made quiet, for a NaN without payload would be an infinity.
 */
export function narrowBits(bits: number, half: Half): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) {
    const shift = half === 'F16' ? 13 : 16;
    const payload = (bits & 0x7fffff) >>> shift;
    const [infinity, quiet] = half === 'F16' ? [0x7c00, 0x200] : [0x7f80, 0x40];
    return sign | infinity | (payload === 0 ? quiet : payload);
  }
  if (half === 'BF16') return bits >>> 16;
  if (magnitude === 0x7f800000) return sign | 0x7c00;
  const exponent = (magnitude >>> 23) - 112;
  if (exponent > 0) return sign | (exponent << 10) | ((magnitude & 0x7fffff) >>> 13);
  // Under 2^-14: fraction · 2^-24, with the hidden bit written out. A zero has none.
  return exponent < -10 ? sign : sign | ((0x800000 | (magnitude & 0x7fffff)) >>> (14 - exponent));
}

/**
 * The nearest half of a number, ties to the one with an even last bit, as a number; infinite where the number is beyond
 * the largest half by half a step or more. One rounding, from Float64: going through Float32 would round twice.
 */
export function roundToHalf(value: number, half: Half): number {
  if (!Number.isFinite(value) || value === 0) return value;
  const { fraction, least, largest } = layouts[half];
  float64[0] = value;
  // The exponent of a Float64; subnormal ones read as -1023, far below either `least`.
  const exponent = ((words[1] >>> 20) & 0x7ff) - 1023;
  if (exponent > 127) return value * Number.POSITIVE_INFINITY;
  const step = 2 ** (Math.max(exponent, least) - fraction);
  // 1.5 · 2^52 steps: Float64 numbers of that size lie one step apart, so adding it rounds to whole steps, ties to even,
  // and taking it away is exact.
  const shift = 1.5 * 2 ** 52 * step;
  const rounded = value + shift - shift;
  if (Math.abs(rounded) > largest) return value * Number.POSITIVE_INFINITY;
  // What rounds to zero keeps its sign.
  return rounded === 0 ? value * 0 : rounded;
}

const float64 = new Float64Array(1);
/** Low word first: whoever converts has asked for a little-endian machine. */
const words = new Uint32Array(float64.buffer);
