/**
 * Whether a page of this origin may use the hub. Browsers send `Origin` with every cross-site request
 * and with every WebSocket upgrade; requests without one do not come from a foreign page.
 *
 * Without this check any web page that its user visits could start jobs on a hub that listens on
 * 127.0.0.1: WebSockets know no same-origin policy, and a POST without a body needs no preflight.
 *
 * @param host the `Host` of the request: a page that the hub itself served has it as its origin
 */
export function isAllowedOrigin(
  origin: string | undefined,
  host: string | undefined,
  allowed: readonly string[],
): boolean {
  if (origin === undefined || allowed.includes('*') || allowed.includes(origin)) return true;
  return URL.canParse(origin) && new URL(origin).host === host;
}
