/**
 * The address at which this machine reaches the hub. An address that means "all of them" is none
 * that a browser could open.
 * @param {string} host
 * @param {number} port
 */
export function baseUrl(host, port) {
  const loopback = { '0.0.0.0': '127.0.0.1', '::': '::1' }[host] ?? host;
  return `http://${loopback.includes(':') ? `[${loopback}]` : loopback}:${port}`;
}

/**
 * A line to paste that streams a picture being drawn.
 * @param {string} url
 */
export function exampleCommand(url) {
  const input = JSON.stringify({ prompt: 'a big red circle on a blue background', steps: 20 });
  return `curl -N ${url}/v1/models/sketch/stream -H 'content-type: application/json' -d '${input}'`;
}
