import { erfGiven } from './erf';
import { exp } from './exp';
import { at, each, horner } from './lanewise';

/**
 * The standard normal distribution Φ(x) = (1 + erf(x/√2))/2, for gelu.
 *
 * Float32: with a = |x| the tail 1 − Φ(a) = e^{−a²/2} R(s), s = a/(a + 3), so that one polynomial of degree 7 serves for all a; Φ
 * off by 9e-10 (minimax, up to a = 5.6; what is beyond is below 1e-8). Below a = 0.35 Φ(x) = ½ + x C(x²), C of degree 3, which
 * rounds once where that rounds four times: near 0 the bound of gelu (spec/rounding) leaves room for three. The exponential is
 * that of exp.ts without its ends: from a = 13.26 on the exponent of the power of two, 0, makes it 0.
 */
const constants = memory.data<f32>([
  13.26,
  -0.5,
  <f32>Math.LOG2E,
  12583039.0,
  0.693359375,
  0.00021219444,
  1.0,
  3.0,
  0.5,
  0.35,
]);
const farthest: i32 = 0;
const minusHalf: i32 = 1;
const inverse: i32 = 2;
/** 1.5·2²³ + 127 */
const rounder: i32 = 3;
const high: i32 = 4;
const low: i32 = 5;
const one: i32 = 6;
const three: i32 = 7;
const half: i32 = 8;
const near: i32 = 9;
/** Of e^r = 1 + r + r² P(r), as in exp.ts, R and C, from the highest power down. */
const P = memory.data<f32>([0.0013950547, 0.00836891757, 0.041666205, 0.166665186, 0.50000001]);
const R = memory.data<f32>([
  -0.0328787257, 0.0831464144, 0.035935921, -0.153425945, -0.287562391, 1.05318663, -1.19682711, 0.500000001,
]);
const C = memory.data<f32>([-0.00115600173, 0.00997069459, -0.066490283, 0.39894228]);

/** |x|, and what gives 0 where that is too large for the exponential. */
function sizeOf4(x: v128): v128 {
  return f32x4.pmin(f32x4.abs(x), at<f32>(constants, farthest)); // NaN stays
}

function bellOf4(x: v128): v128 {
  const a = sizeOf4(x);
  const exponent = f32x4.mul(f32x4.mul(a, a), at<f32>(constants, minusHalf));
  const shifted = horner<f32>(exponent, at<f32>(constants, inverse), constants, rounder);
  const k = f32x4.sub(shifted, at<f32>(constants, rounder));
  const exact = f32x4.sub(exponent, f32x4.mul(k, at<f32>(constants, high)));
  const r = f32x4.add(exact, f32x4.mul(k, at<f32>(constants, low)));
  let p = at<f32>(P, 0);
  p = horner<f32>(p, r, P, 1);
  p = horner<f32>(p, r, P, 2);
  p = horner<f32>(p, r, P, 3);
  p = horner<f32>(p, r, P, 4);
  const y = f32x4.add(f32x4.add(f32x4.mul(p, f32x4.mul(r, r)), r), at<f32>(constants, one));
  return f32x4.mul(y, i32x4.shl(shifted, 23));
}

/** e^{−x²/2} in each lane. */
export function bell<T>(x: v128): v128 {
  if (sizeof<T>() === 8) return exp<T>(v128.mul<T>(v128.mul<T>(x, x), each<T>(-0.5)));
  return bellOf4(x);
}

function normalOf4(x: v128, bellOfX: v128): v128 {
  const a = sizeOf4(x);
  const s = f32x4.div(a, f32x4.add(a, at<f32>(constants, three)));
  let p = at<f32>(R, 0);
  p = horner<f32>(p, s, R, 1);
  p = horner<f32>(p, s, R, 2);
  p = horner<f32>(p, s, R, 3);
  p = horner<f32>(p, s, R, 4);
  p = horner<f32>(p, s, R, 5);
  p = horner<f32>(p, s, R, 6);
  p = horner<f32>(p, s, R, 7);
  const tail = f32x4.mul(bellOfX, p);
  const far = v128.bitselect(tail, f32x4.sub(at<f32>(constants, one), tail), f32x4.lt(x, i32x4.splat(0)));
  const z = f32x4.mul(x, x);
  let c = at<f32>(C, 0);
  c = horner<f32>(c, z, C, 1);
  c = horner<f32>(c, z, C, 2);
  c = horner<f32>(c, z, C, 3);
  const close = f32x4.add(f32x4.mul(c, x), at<f32>(constants, half));
  return v128.bitselect(close, far, f32x4.lt(a, at<f32>(constants, near)));
}

/** Φ(x) in each lane, where e^{−x²/2} is known. */
export function normal<T>(x: v128, bellOfX: v128): v128 {
  if (sizeof<T>() === 8) {
    const twice = v128.add<T>(each<T>(1.0), erfGiven<T>(v128.mul<T>(x, each<T>(Math.SQRT1_2)), bellOfX));
    return v128.mul<T>(twice, each<T>(0.5));
  }
  return normalOf4(x, bellOfX);
}
