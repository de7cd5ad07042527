import { exp } from './exp';
import { at, each, horner, pair, withSign } from './lanewise';

/**
 * Float32: below 0.63 x + x z P(z) with z = x², P of degree 5, off by 2e-10 (minimax, up to z = 0.4); from there on
 * 1 − 2/(e^{2|x|} + 1), where the exponential may be ∞.
 * P is listed from the highest power down.
 */
const P = memory.data<f32>([0.00212273549, -0.00815626806, 0.0216926015, -0.0539453773, 0.133331959, -0.333333306]);

function tanhOf4(x: v128): v128 {
  const size = f32x4.abs(x);
  const z = f32x4.mul(x, x);
  let p = at<f32>(P, 0);
  p = horner<f32>(p, z, P, 1);
  p = horner<f32>(p, z, P, 2);
  p = horner<f32>(p, z, P, 3);
  p = horner<f32>(p, z, P, 4);
  p = horner<f32>(p, z, P, 5);
  const near = f32x4.add(f32x4.mul(p, f32x4.mul(z, x)), x);
  const one = each<f32>(1.0);
  const quotient = f32x4.div(each<f32>(2.0), f32x4.add(exp<f32>(f32x4.add(size, size)), one));
  const far = f32x4.sub(one, quotient);
  return v128.bitselect(near, withSign<f32>(far, x), f32x4.lt(size, each<f32>(0.63)));
}

/** tanh x in each lane; Float64 lane by lane by the standard library. */
export function tanh<T>(x: v128): v128 {
  if (sizeof<T>() === 8)
    return pair(NativeMath.tanh(f64x2.extract_lane(x, 0)), NativeMath.tanh(f64x2.extract_lane(x, 1)));
  return tanhOf4(x);
}
