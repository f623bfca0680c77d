import { DESCRIPTIONS, type StoreNews } from './store-monitor.js';

export interface NewsLine {
  readonly level: 'warn' | 'log';
  readonly text: string;
}

/** The line of the log for a change; docs/operations.md explains each. */
export function describeNews(news: StoreNews): NewsLine {
  switch (news.about) {
    case 'memory':
      return {
        level: 'warn',
        text: `Redis has lost its memory: it began anew at ${new Date(news.bornAt).toISOString()}. Jobs that waited or had ended are gone`,
      };
    case 'store':
      return describeStore(news.change);
    case 'feed':
      return describeFeed(news);
  }
}

function describeStore(change: Extract<StoreNews, { about: 'store' }>['change']): NewsLine {
  if (change.kind === 'began') {
    const { kind, reason } = change.trouble;
    return { level: 'warn', text: `Redis cannot be used: ${kind}: ${reason}` };
  }
  const { kind, failures } = change.trouble;
  const text = `${DESCRIPTIONS[kind]} for ${seconds(change.durationMs)}, with ${failures} failures; that is over`;
  return { level: 'log', text };
}

function describeFeed(news: Extract<StoreNews, { about: 'feed' }>): NewsLine {
  const { change, cutOffs = 0 } = news;
  const cause = change.cause === 'connection' ? 'connection closed' : 'nothing is heard';
  if (change.kind === 'interrupted') {
    return { level: 'warn', text: `pub/sub is interrupted: ${cause}` };
  }
  const slow = cutOffs > 0 ? `; Redis has cut ${cutOffs} connections for reading too slowly` : '';
  return {
    level: 'log',
    text: `pub/sub is whole again after ${seconds(change.durationMs)}: every channel is audited${slow}`,
  };
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
