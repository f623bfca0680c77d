import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Edge } from '../edge.js';
import { firstLine, type Finding } from './finding.js';

/** A provider that has not answered by then hangs in its driver. */
const PROBE_MS = 60_000;
const PROBE = fileURLToPath(new URL('provider-probe.main.js', import.meta.url));

/** Those that EXECUTION_PROVIDERS takes. */
const PROVIDERS = ['cuda', 'webgpu', 'coreml', 'dml', 'cpu'];

const REMEDIES: Readonly<Record<string, string>> = {
  cuda: 'Needs an NVIDIA driver, CUDA 12 and cuDNN 9; then ONNXRUNTIME_NODE_INSTALL=cuda12 npm rebuild onnxruntime-node (docs/operations.md).',
  webgpu:
    'Needs a GPU with a Vulkan, D3D12 or Metal driver; on Linux also the Vulkan loader (libvulkan1).',
};

interface Library {
  readonly version: string;
  readonly providers: readonly string[];
}

interface Probe {
  readonly isFine: boolean;
  readonly text: string;
}

/** The runtime of models, and on which execution providers a graph really runs here. */
export async function checkRuntime(env: Edge['env']): Promise<Finding[]> {
  const about = 'onnxruntime-node';
  const description = await probe([], env);
  if (!description.isFine) {
    const remedy = 'Install it again: npm ci (some platforms, such as musl, have none).';
    return [{ about, state: 'missing', text: `cannot be loaded (${description.text})`, remedy }];
  }
  const { version, providers } = JSON.parse(description.text) as Library;
  const wanted = (env['EXECUTION_PROVIDERS'] ?? 'cpu').split(',').map((name) => name.trim());
  const names = PROVIDERS.filter((name) => providers.includes(name) || wanted.includes(name));
  const probes = new Map<string, Probe>();
  // One at a time: two drivers that start at once disturb each other.
  for (const name of names) probes.set(name, await probe([name], env));
  return [{ about, state: 'ok', text: version }, ...judge(probes, wanted)];
}

/** A model runs on the first of EXECUTION_PROVIDERS that works; with none it does not run. */
function judge(probes: ReadonlyMap<string, Probe>, wanted: readonly string[]): Finding[] {
  const used = wanted.find((name) => probes.get(name)?.isFine === true);
  const findings = [...probes].map(([name, { isFine, text }]): Finding => {
    const about = `provider ${name}`;
    if (isFine) {
      const use = name === used ? '; models use it' : '';
      return { about, state: 'ok', text: `runs a graph${use}` };
    }
    const remedy = REMEDIES[name];
    const finding: Finding = { about, state: 'warning', text };
    return remedy === undefined ? finding : { ...finding, remedy };
  });
  if (used !== undefined) return findings;
  const about = 'EXECUTION_PROVIDERS';
  const text = `none of ${wanted.join(', ')} works here`;
  return [...findings, { about, state: 'missing', text, remedy: 'Set EXECUTION_PROVIDERS=cpu.' }];
}

/** In a process of its own: a provider without its driver may end the process that tries it. */
function probe(args: string[], env: Edge['env']): Promise<Probe> {
  return new Promise((resolve) => {
    const options = { env, timeout: PROBE_MS, killSignal: 'SIGKILL' as const };
    execFile(process.execPath, [PROBE, ...args], options, (error, stdout) => {
      if (error === null) {
        resolve({ isFine: true, text: stdout.trim() });
        return;
      }
      const { signal, code } = error;
      const end = signal ? `ended by ${signal}` : `ended with ${code ?? 'no code'}`;
      resolve({ isFine: false, text: reasonOf(stdout) || `the process that tried it ${end}` });
    });
  });
}

/** Behind the place in the source of the library, which helps nobody. */
function reasonOf(output: string): string {
  return firstLine(output.replace(/^.*? was false\. /, ''));
}
