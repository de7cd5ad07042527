import { UsageError } from './errors.ts';
import { Tensor } from './tensor.ts';

/** Parameters, gradients and optimizer states are trees: records, arrays and maps, nested as one likes, with tensors as leaves. */

const isBranch = (tree: unknown): tree is object =>
  Array.isArray(tree) ||
  tree instanceof Map ||
  (typeof tree === 'object' && tree !== null && Object.getPrototypeOf(tree) === Object.prototype);

/** A tree's tensors with their paths, e.g. `blocks.0.moe.fc1.weight`, in insertion order. */
export function leaves(tree: unknown, path = ''): { readonly path: string; readonly tensor: Tensor }[] {
  if (tree instanceof Tensor) return [{ path, tensor: tree }];
  if (!isBranch(tree)) return [];
  const entries = tree instanceof Map ? [...tree] : Object.entries(tree);
  return entries.flatMap(([name, child]) => leaves(child, path === '' ? String(name) : `${path}.${name}`));
}

/** The same tree with each tensor replaced; anything that is no tensor, record, array or map is kept as it is. */
export function mapTree<T>(tree: T, replace: (tensor: Tensor, path: string) => Tensor, path = ''): T {
  if (tree instanceof Tensor) return replace(tree, path) as T;
  if (!isBranch(tree)) return tree;
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  if (Array.isArray(tree)) return tree.map((child, i) => mapTree(child, replace, at(String(i)))) as T;
  if (tree instanceof Map) {
    const entries: [unknown, unknown][] = [...tree];
    return new Map(entries.map(([name, child]) => [name, mapTree(child, replace, at(String(name)))])) as T;
  }
  return Object.fromEntries(
    Object.entries(tree).map(([name, child]) => [name, mapTree(child, replace, at(name))]),
  ) as T;
}

/** The tensors of a tree by path. @throws UsageError where a path is missing */
export function byPath(tree: unknown): { get(path: string): Tensor; readonly paths: readonly string[] } {
  const map = new Map(leaves(tree).map(({ path, tensor }) => [path, tensor]));
  return {
    paths: [...map.keys()],
    get(path) {
      const tensor = map.get(path);
      if (!tensor)
        throw new UsageError({
          operation: 'tree',
          received: `path ${path}`,
          expected: `one of ${[...map.keys()].join(', ')}`,
        });
      return tensor;
    },
  };
}
