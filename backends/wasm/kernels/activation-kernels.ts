import { activate } from './activation';
import { activateBack } from './activation-gradient';

/** Activations of whole arrays, and what flows back through them. Work items are elements. */

export function activateF32(activation: i32, z: usize, y: usize, first: i32, last: i32): void {
  activate<f32>(activation, z + ((<usize>first) << 2), y + ((<usize>first) << 2), last - first);
}
export function activateF64(activation: i32, z: usize, y: usize, first: i32, last: i32): void {
  activate<f64>(activation, z + ((<usize>first) << 3), y + ((<usize>first) << 3), last - first);
}

export function activateBackF32(activation: i32, g: usize, z: usize, y: usize, to: usize, first: i32, last: i32): void {
  const start = (<usize>first) << 2;
  activateBack<f32>(activation, g + start, z + start, y + start, to + start, last - first);
}
export function activateBackF64(activation: i32, g: usize, z: usize, y: usize, to: usize, first: i32, last: i32): void {
  const start = (<usize>first) << 3;
  activateBack<f64>(activation, g + start, z + start, y + start, to + start, last - first);
}
