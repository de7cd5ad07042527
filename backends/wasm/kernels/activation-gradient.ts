import * as activation from './activation';
import * as kind from './kinds';
import { each } from './lanewise';
import { bell, normal } from './normal';

/** What flows back through an activation y = act(z): g act'(z), of contiguous arrays. */

/** σ(z)(1 + z(1 − σ(z))) */
function siluSlope<T>(z: v128): v128 {
  const s = activation.sigmoid<T>(z);
  return v128.mul<T>(s, v128.add<T>(each<T>(1.0), v128.mul<T>(z, v128.sub<T>(each<T>(1.0), s))));
}

/** Φ(z) + z φ(z), φ(z) = e^{−z²/2}/√(2π) */
function geluSlope<T>(z: v128): v128 {
  const e = bell<T>(z);
  return v128.add<T>(normal<T>(z, e), v128.mul<T>(z, v128.mul<T>(e, each<T>(0.3989422804014327))));
}

/** With s = σ(2u): s + z s(1 − s) 2u',  2u' = 2√(2/π) (1 + 3·0.044715 z²). Where s(1 − s) has become 0, so has the product. */
function geluTanhSlope<T>(z: v128): v128 {
  const s = activation.sigmoid<T>(activation.twiceInner<T>(z));
  const falling = v128.mul<T>(s, v128.sub<T>(each<T>(1.0), s));
  const cubic = v128.add<T>(v128.mul<T>(v128.mul<T>(z, z), each<T>(0.134145)), each<T>(1.0));
  const inner = v128.mul<T>(cubic, each<T>(1.5957691216057308));
  const curved = v128.mul<T>(v128.mul<T>(z, falling), inner);
  return v128.add<T>(s, v128.andnot(curved, v128.eq<T>(falling, each<T>(0.0))));
}

// A comparison of types is decided when this is compiled.
function slope<T, F>(z: v128, y: v128): v128 {
  if (idof<F>() === idof<activation.Relu>()) return v128.and(v128.gt<T>(z, each<T>(0.0)), each<T>(1.0));
  if (idof<F>() === idof<activation.Sigmoid>()) return v128.mul<T>(y, v128.sub<T>(each<T>(1.0), y));
  if (idof<F>() === idof<activation.Silu>()) return siluSlope<T>(z);
  if (idof<F>() === idof<activation.Softplus>()) return activation.sigmoid<T>(z);
  if (idof<F>() === idof<activation.Gelu>()) return geluSlope<T>(z);
  return geluTanhSlope<T>(z);
}

function map<T, F>(g: usize, z: usize, y: usize, to: usize, n: i32): void {
  const end = to + <usize>n * sizeof<T>();
  for (; to + 16 <= end; to += 16, g += 16, z += 16, y += 16)
    v128.store(to, v128.mul<T>(v128.load(g), slope<T, F>(v128.load(z), v128.load(y))));
  for (; to < end; to += sizeof<T>(), g += sizeof<T>(), z += sizeof<T>(), y += sizeof<T>()) {
    const steepness = slope<T, F>(v128.load_splat<T>(z), v128.load_splat<T>(y));
    v128.store_lane<T>(to, v128.mul<T>(v128.load_splat<T>(g), steepness), 0);
  }
}

/** n elements; `to` may be g, z or y. `f` is a number of kinds.ts. */
export function activateBack<T>(f: i32, g: usize, z: usize, y: usize, to: usize, n: i32): void {
  if (f === kind.relu) map<T, activation.Relu>(g, z, y, to, n);
  else if (f === kind.sigmoid) map<T, activation.Sigmoid>(g, z, y, to, n);
  else if (f === kind.silu) map<T, activation.Silu>(g, z, y, to, n);
  else if (f === kind.softplus) map<T, activation.Softplus>(g, z, y, to, n);
  else if (f === kind.gelu) map<T, activation.Gelu>(g, z, y, to, n);
  else if (f === kind.geluTanh) map<T, activation.GeluTanh>(g, z, y, to, n);
}
