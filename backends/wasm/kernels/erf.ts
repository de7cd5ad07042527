import { exp } from './exp';
import { at, each, horner, polynomial, withSign } from './lanewise';

/**
 * erf x = 2/√π ∫₀ˣ e^{−t²} dt, by minimax polynomials:
 *   |x| < 1: x + x P(x²)
 *   |x| ≥ 1: 1 − e^{−x²} Q(|x|), where Q = e^{x²} erfc x falls slowly; the error of Q counts e^{−x²} ≤ 0.37 times
 */

// P and Q, from the highest power down.
const P32 = memory.data<f32>([
  -9.68011103e-6, 0.000112705353, -0.000848471015, 0.00522107479, -0.0268654458, 0.112837827, -0.376126385, 0.128379167,
]);
const P64 = memory.data<f64>([
  5.960694668779614e-11, -1.1374960859212245e-9, 1.4660329934243189e-8, -1.6350396383911513e-7, 1.6461008490952578e-6,
  -1.4925595772854553e-5, 0.00012055331132976754, -0.0008548326981425884, 0.0052239776248284315, -0.026866170645077875,
  0.11283791670954885, -0.3761263890318375, 0.1283791670955126,
]);
const Q32 = memory.data<f32>([
  -0.000388874745, 0.00328289548, -0.0131339129, 0.0356086977, -0.0786351209, 0.154286473, -0.273207563, 0.42758354,
]);
const Q64 = memory.data<f64>([
  -0.0003991651424199207, 0.0005674161786603751, 0.0005766866694418355, 0.0003011456351101548, -0.002555684985265902,
  -0.004426717823754305, 0.006425129269101178, 0.027560999897602537, -0.025632378976382562, -0.1800761010499643,
  0.5697080079951594, -0.819636044351694, 0.427583576155807,
]);

/** P, of degree 7, off by 4e-11 in Float32, and of degree 12, off by 2e-19 in Float64. */
function nearPart<T>(z: v128): v128 {
  if (sizeof<T>() === 8) return polynomial<T>(z, P64, 12);
  let p = at<T>(P32, 0);
  p = horner<T>(p, z, P32, 1);
  p = horner<T>(p, z, P32, 2);
  p = horner<T>(p, z, P32, 3);
  p = horner<T>(p, z, P32, 4);
  p = horner<T>(p, z, P32, 5);
  p = horner<T>(p, z, P32, 6);
  return horner<T>(p, z, P32, 7);
}

/**
 * Q. Float32: of degree 7 in x − 1, erf off by 2e-8, for 1 ≤ x ≤ 4; beyond 3.92 erf is 1. Float64: of degree 12 in
 * (x − 1)/(x + 2), erf off by 6e-19, for 1 ≤ x ≤ 6; beyond 5.93 erf is 1.
 */
function farPart<T>(size: v128): v128 {
  const one = each<T>(1.0);
  if (sizeof<T>() === 8) {
    const x = v128.pmin<T>(size, each<T>(6.0));
    const s = v128.div<T>(v128.sub<T>(x, one), v128.add<T>(x, each<T>(2.0)));
    return polynomial<T>(s, Q64, 12);
  }
  const t = v128.sub<T>(v128.pmin<T>(size, each<T>(4.0)), one);
  let p = at<T>(Q32, 0);
  p = horner<T>(p, t, Q32, 1);
  p = horner<T>(p, t, Q32, 2);
  p = horner<T>(p, t, Q32, 3);
  p = horner<T>(p, t, Q32, 4);
  p = horner<T>(p, t, Q32, 5);
  p = horner<T>(p, t, Q32, 6);
  return horner<T>(p, t, Q32, 7);
}

/** erf x in each lane, where e^{−x²} is known. */
export function erfGiven<T>(x: v128, gauss: v128): v128 {
  const size = v128.abs<T>(x);
  const near = v128.add<T>(v128.mul<T>(nearPart<T>(v128.mul<T>(x, x)), x), x);
  const far = v128.sub<T>(each<T>(1.0), v128.mul<T>(gauss, farPart<T>(size)));
  return v128.bitselect(near, withSign<T>(far, x), v128.lt<T>(size, each<T>(1.0)));
}

export function erf<T>(x: v128): v128 {
  return erfGiven<T>(x, exp<T>(v128.neg<T>(v128.mul<T>(x, x))));
}
