/**
 * Server-Sent Events as the HTML standard defines them (docs/protocol.md §4). The hub's values hold no
 * line break: positions and types have closed alphabets, and JSON escapes control characters.
 */

/** One event block: `id: <position>`, `event: <type>`, `data: <the event>`. */
export function encodeSseEvent(id: string, type: string, json: string): string {
  return `id: ${id}\nevent: ${type}\ndata: ${json}\n\n`;
}

/**
 * The first bytes of a stream: how long to wait before a reconnect, and an `id` with empty data, which
 * dispatches nothing but sets the cursor, so that a drop before the first event still resumes.
 */
export function encodeSsePrime(retryMs: number, id: string | undefined): string {
  return `retry: ${retryMs}\n${id === undefined ? '' : `id: ${id}\ndata:\n`}\n`;
}

/** A comment: keeps proxies from closing an idle stream; readers do not see it. */
export const SSE_HEARTBEAT = ': heartbeat\n\n';
