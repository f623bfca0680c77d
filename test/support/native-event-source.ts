// EventSources as users have them: of a browser, and of a package for Node.
import { EventSource as PackagedSource } from 'eventsource';
import type { Page } from 'playwright-core';

/** What an EventSource has seen. */
export interface Followed {
  /** `data` of every event, in order. */
  readonly texts: readonly string[];
  /** Times that it was connected. */
  readonly opens: number;
  /** It has given up for good: `readyState` 2. */
  readonly isClosed: boolean;
}

/** An EventSource that has been opened. */
export interface Follower {
  readonly name: string;
  /** HTTP status of every answer that it got, in order. */
  readonly statuses: readonly number[];
  followed(): Promise<Followed>;
  close(): Promise<void>;
}

interface Source {
  readonly readyState: number;
  onopen: (() => void) | null;
  addEventListener(type: string, listener: (event: { data: string }) => void): void;
  close(): void;
}

/** Is sent to the page as text, so it knows nothing but its arguments. */
function follow(open: () => Source) {
  const source = open();
  const seen = { source, texts: [] as string[], opens: 0 };
  source.onopen = () => {
    seen.opens += 1;
  };
  const types = 'queued started attempt log step completed failed cancelled snapshot reset';
  for (const type of types.split(' ')) {
    source.addEventListener(type, ({ data }) => {
      seen.texts.push(data);
    });
  }
  return seen;
}

export function followByPackage(url: string): Follower {
  const statuses: number[] = [];
  const seen = follow(
    () =>
      new PackagedSource(url, {
        fetch: async (address, init) => {
          const response = await fetch(address, init);
          statuses.push(response.status);
          return response;
        },
      }) as unknown as Source,
  );
  const { source, texts } = seen;
  return {
    name: 'the package eventsource',
    statuses,
    followed: () =>
      Promise.resolve({ texts, opens: seen.opens, isClosed: source.readyState === 2 }),
    close: () => {
      source.close();
      return Promise.resolve();
    },
  };
}

/** @param page of nothing in particular; it is taken to the origin of the stream first */
export async function followByBrowser(page: Page, url: string): Promise<Follower> {
  const statuses: number[] = [];
  page.on('response', (response) => {
    if (response.url() === url) statuses.push(response.status());
  });
  await page.goto(new URL('/health/live', url).href);
  const open = `() => new EventSource(${JSON.stringify(url)})`;
  await page.evaluate(`void (window.seen = (${follow.toString()})(${open}))`);
  const state =
    '({ texts: seen.texts, opens: seen.opens, isClosed: seen.source.readyState === 2 })';
  return {
    name: 'Chromium',
    statuses,
    followed: () => page.evaluate<Followed>(state),
    close: () => page.close(),
  };
}
