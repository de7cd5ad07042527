/**
 * What the functions of four f32 or two f64 are made of. Multiplications and additions are never fused here: both builds round
 * alike, and the errors that index.ts declares hold for both. Constants that are used for every vector lie in memory, as
 * tables: loading one is one instruction, making it from a literal are three, and exp took half as long again.
 */

/** c in each lane. */
export function each<T>(c: f64): v128 {
  return v128.splat<T>(<T>c);
}

/** Number i of a table in each lane. */
export function at<T>(table: usize, i: i32): v128 {
  return v128.load_splat<T>(table + <usize>i * sizeof<T>());
}

/** p·t + c, one step of Horner's rule, c number i of a table. */
export function horner<T>(p: v128, t: v128, table: usize, i: i32): v128 {
  return v128.add<T>(v128.mul<T>(p, t), at<T>(table, i));
}

/** The polynomial whose coefficients are in a table, from the highest power down. Unrolled it is a tenth faster. */
export function polynomial<T>(t: v128, table: usize, degree: i32): v128 {
  let p = at<T>(table, 0);
  for (let i = 1; i <= degree; i++) p = horner<T>(p, t, table, i);
  return p;
}

/** The sign of `sign` on the size of `size`. */
export function withSign<T>(size: v128, sign: v128): v128 {
  return v128.bitselect(sign, size, each<T>(-0.0));
}

/** Two f64 in one vector. */
export function pair(low: f64, high: f64): v128 {
  return f64x2.replace_lane(f64x2.splat(low), 1, high);
}
