import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';

const read = (name: string) => readFileSync(new URL(name, import.meta.url), 'utf8');

describe('README', () => {
  it('shows docs/example.ts to the letter', () => {
    expect(read('../README.md')).toContain(`\`\`\`ts\n${read('./example.ts')}\`\`\``);
  });

  it('has an example that trains: it prints a finite loss and as many parameters as the layer has', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await import('./example.ts');
    expect(log).toHaveBeenCalledTimes(1);
    const [loss, parameters] = log.mock.calls[0] as [number, number];
    log.mockRestore();
    expect(loss).toBeGreaterThan(0);
    expect(loss).toBeLessThan(100);
    expect(parameters).toBe(5); // router, and weight and bias of fc1 and fc2
  });

  it('links only to files that exist', () => {
    const links = [...read('../README.md').matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, path]) => path);
    expect(links.length).toBeGreaterThan(5);
    for (const path of links) expect(() => read(`../${path}`), path).not.toThrow(/ENOENT/);
  });
});
