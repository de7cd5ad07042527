import { exp } from './exp';
import * as kind from './kinds';
import { each } from './lanewise';
import { log } from './log';
import { bell, normal } from './normal';

/** Activations y = act(z) of contiguous arrays, y may be z. An activation is a type here, so that each has a loop of its own. */

export class Relu {}
export class Sigmoid {}
export class Silu {}
export class Softplus {}
export class Gelu {}
export class GeluTanh {}

/** 1 + e^{−x}; ∞ where the exponential overflows, so that quotients by it are the right 0. */
function onePlusExp<T>(x: v128): v128 {
  return v128.add<T>(each<T>(1.0), exp<T>(v128.neg<T>(x)));
}

/** σ(x) = 1/(1 + e^{−x}) */
export function sigmoid<T>(x: v128): v128 {
  return v128.div<T>(each<T>(1.0), onePlusExp<T>(x));
}

/** max(x, 0) + ln(1 + t), t = e^{−|x|}. With s = 1 + t as it was rounded, ln(1 + t) = ln s + (t − (s − 1))/s to first order. */
function softplus<T>(x: v128): v128 {
  const one = each<T>(1.0);
  const t = exp<T>(v128.neg<T>(v128.abs<T>(x)));
  const s = v128.add<T>(one, t);
  const lost = v128.div<T>(v128.sub<T>(t, v128.sub<T>(s, one)), s);
  return v128.add<T>(v128.max<T>(x, each<T>(0.0)), v128.add<T>(log<T>(s), lost));
}

/** 2u = 2√(2/π) (x + 0.044715 x³), the tanh form's: (1 + tanh u)/2 = σ(2u) */
export function twiceInner<T>(x: v128): v128 {
  const cubic = v128.mul<T>(v128.mul<T>(v128.mul<T>(x, x), x), each<T>(0.044715));
  return v128.mul<T>(v128.add<T>(x, cubic), each<T>(1.5957691216057308));
}

// A comparison of types is decided when this is compiled.
function apply<T, F>(x: v128): v128 {
  if (idof<F>() === idof<Relu>()) return v128.max<T>(x, each<T>(0.0));
  if (idof<F>() === idof<Sigmoid>()) return sigmoid<T>(x);
  if (idof<F>() === idof<Silu>()) return v128.div<T>(x, onePlusExp<T>(x));
  if (idof<F>() === idof<Softplus>()) return softplus<T>(x);
  if (idof<F>() === idof<Gelu>()) return v128.mul<T>(x, normal<T>(x, bell<T>(x)));
  return v128.div<T>(x, onePlusExp<T>(twiceInner<T>(x)));
}

function map<T, F>(z: usize, y: usize, n: i32): void {
  const end = y + <usize>n * sizeof<T>();
  for (; y + 16 <= end; y += 16, z += 16) v128.store(y, apply<T, F>(v128.load(z)));
  for (; y < end; y += sizeof<T>(), z += sizeof<T>()) v128.store_lane<T>(y, apply<T, F>(v128.load_splat<T>(z)), 0);
}

/** n elements; `activation` is a number of kinds.ts. */
export function activate<T>(activation: i32, z: usize, y: usize, n: i32): void {
  if (activation === kind.relu) map<T, Relu>(z, y, n);
  else if (activation === kind.sigmoid) map<T, Sigmoid>(z, y, n);
  else if (activation === kind.silu) map<T, Silu>(z, y, n);
  else if (activation === kind.softplus) map<T, Softplus>(z, y, n);
  else if (activation === kind.gelu) map<T, Gelu>(z, y, n);
  else if (activation === kind.geluTanh) map<T, GeluTanh>(z, y, n);
}
