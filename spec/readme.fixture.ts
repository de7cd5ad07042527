import { readFileSync } from 'node:fs';

/**
 * Which declarations a file uses, however many others lie between: read off the text, top-level declaration by declaration. A
 * name counts as used where it stands in the text of a declaration that is used; comments, strings and members do not count.
 */

interface Module {
  /** By name: the text of each top-level declaration; under '' what belongs to none. */
  readonly texts: ReadonlyMap<string, string>;
  /** By the name it has here: where it is declared, and its name there ('*' for all of a module). */
  readonly imported: ReadonlyMap<string, { readonly from: string; readonly name: string }>;
  /** Modules of which everything is exported again. */
  readonly passedOn: readonly string[];
}

const modules = new Map<string, Module>();

const withoutComments = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|\/\/.*$/gm, (found) => (found[0] === "'" ? found : ''));

function moduleAt(url: string): Module {
  const known = modules.get(url);
  if (known) return known;
  const text = withoutComments(readFileSync(new URL(url), 'utf8'));
  const imported = new Map<string, { from: string; name: string }>();
  const passedOn: string[] = [];
  const rest = text.replace(
    /^(import|export) (type )?(?:\* as (\w+)|(\*)|\{([^}]*)\}) from '(\.[^']+)';/gm,
    (_, __, ofTypes, all, star, names, path) => {
      const from = new URL(path, url).href;
      if (star) passedOn.push(from);
      if (all) imported.set(all, { from, name: '*' });
      for (const entry of ofTypes || !names ? [] : names.split(',')) {
        const [name, here = name] = entry.trim().split(' as ');
        if (name && !name.startsWith('type ')) imported.set(here, { from, name });
      }
      return '';
    },
  );
  const texts = new Map<string, string>([['', '']]);
  for (const part of rest.split(/^(?=(?:export )?(?:async )?(?:function|const|class)\b)/m)) {
    const [, name = ''] = /^(?:export )?(?:async )?(?:function|const|class)\*? (\w+)/.exec(part) ?? [];
    texts.set(name, (texts.get(name) ?? '') + part.replace(/'(?:[^'\\\n]|\\.)*'/g, "''"));
  }
  const module = { texts, imported, passedOn };
  modules.set(url, module);
  return module;
}

/** The module that declares what `url` exports as `name`. */
function declaring(url: string, name: string): readonly [url: string, name: string] | null {
  const { texts, imported, passedOn } = moduleAt(url);
  if (texts.has(name)) return [url, name];
  const from = imported.get(name);
  if (from) return from.name === '*' ? null : declaring(from.from, from.name);
  for (const next of passedOn) {
    const found = declaring(next, name);
    if (found) return found;
  }
  return null;
}

/** What the file at `url` uses, as `url name`; of files outside the folders in `inside` no more is known than the name. */
export function usedBy(url: string, inside: readonly string[]): ReadonlySet<string> {
  const used = new Set<string>();
  const waiting: (readonly [string, string])[] = [...moduleAt(url).texts.keys()].map((name) => [url, name] as const);
  const use = (found: readonly [string, string] | null) => {
    if (found && !used.has(found.join(' '))) waiting.push(found);
  };
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    used.add(next.join(' '));
    const [at, name] = next;
    if (!inside.some((folder) => at.startsWith(folder))) continue;
    const { texts, imported } = moduleAt(at);
    // Code that belongs to no declaration runs with any of them.
    const text = `${texts.get(name)!}\n${texts.get('')!}`;
    for (const [, dot, word, member] of text.matchAll(/(\.{3}|\.)?\b([A-Za-z_]\w*)\b(?:\.(\w+))?/g)) {
      if (dot === '.') continue;
      const from = imported.get(word);
      if (from?.name === '*') use(member ? declaring(from.from, member) : null);
      else if (from) use(declaring(from.from, from.name));
      else if (word !== name && texts.has(word)) use([at, word]);
    }
  }
  return used;
}
