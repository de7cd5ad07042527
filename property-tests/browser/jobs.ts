import type { Browser } from 'playwright-core';
import { type OpenPage, openPage } from './chromium.ts';
import type { Outcome } from './pages/outcome.ts';
import { serve } from './server.ts';

/** One job of `pages/page.ts` in a page of its own, on a server of its own; both are gone afterwards. */
export interface Job {
  /** The folder that is served. */
  readonly root: string;
  /** What stands behind the question mark; an empty value is a mere name. */
  readonly query: Readonly<Record<string, string>>;
  /** Whether the page is cross-origin isolated; the default. */
  readonly isolated?: boolean;
  /** It has failed if it takes longer. */
  readonly seconds: number;
  /** Called about every two seconds while it runs. */
  watch?(page: OpenPage): Promise<void>;
  /** Called once it has ended. */
  ended?(page: OpenPage): Promise<void>;
}

/** @throws for a job that throws, takes too long, or whose page complains of anything */
export async function runJob<T>(browser: Browser, { root, query, isolated, seconds, watch, ended }: Job): Promise<T> {
  const server = await serve(root, { isolated });
  try {
    const open = await openPage(browser, `${server.url}/index.html?${new URLSearchParams(query)}`);
    try {
      const outcome = await open.global<Outcome<T>>('outcome', seconds, () => watch?.(open));
      await ended?.(open);
      if ('error' in outcome) throw new Error(outcome.error);
      if (open.errors.length > 0) throw new Error(open.errors.join('\n'));
      return outcome.value;
    } finally {
      await open.close();
    }
  } finally {
    await server.close();
  }
}
