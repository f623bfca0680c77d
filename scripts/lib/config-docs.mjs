// docs/configuration.md and .env.example, as text, from the configuration slices of the apps. Pure, so that
// a test can hold the files against the schemas.

/** @typedef {import('@stepcast/platform').ConfigSlice} ConfigSlice */
/** @typedef {import('@stepcast/platform').ConfigVariable} ConfigVariable */

/**
 * @typedef {object} App
 * @property {string} name
 * @property {readonly ConfigSlice[]} slices
 */

/**
 * @typedef {object} Section one slice
 * @property {string} title
 * @property {readonly string[]} apps those that read it
 * @property {readonly ConfigVariable[]} variables
 */

/**
 * The slices of all apps, each once, in the order in which they first appear.
 * @param {readonly App[]} apps
 * @param {(slice: ConfigSlice) => ConfigVariable[]} describe
 * @returns {Section[]}
 */
export function listSections(apps, describe) {
  const slices = [...new Set(apps.flatMap((app) => app.slices))];
  return slices.map((slice) => ({
    title: slice.title,
    apps: apps.filter((app) => app.slices.includes(slice)).map((app) => app.name),
    variables: describe(slice),
  }));
}

const markdownHead = `# Configuration

<!-- Made by \`npm run docs\` from the schemas in the code. Do not edit. -->

Every process reads its configuration from environment variables, once, before anything starts. If a value is
wrong it does not start; it prints every problem with its remedy and exits with 1. A variable that is set to nothing
counts as not set. The line that says a process has started shows the configuration in effect, without passwords.

\`npm start\` runs one process, \`standalone\`, that reads all of them. It sets \`REDIS_URL\` itself when you do not, takes
another \`PORT\` when you name none and 3000 is taken, and logs at \`warn\` unless you set \`LOG_LEVEL\`. A \`worker\` on its
own serves health and metrics only when \`PORT\` is set.

Give all processes of one hub the same \`REDIS_URL\`, \`KEY_PREFIX\` and \`MODELS_DIR\`.
`;

/**
 * docs/configuration.md.
 * @param {readonly Section[]} sections
 */
export function renderConfiguration(sections) {
  const parts = sections.map(({ title, apps, variables }) => {
    const rows = variables.map((variable) => [
      `\`${variable.name}\``,
      defaultOf(variable),
      escapeCell(variable.description),
      variable.example === undefined ? '–' : `\`${variable.example}\``,
    ]);
    const table = renderTable([['variable', 'default', 'meaning', 'example'], ...rows]);
    return `## ${title}\n\nRead by: ${apps.join(', ')}.\n\n${table}\n`;
  });
  return [markdownHead, ...parts].join('\n');
}

const envHead = `# Every variable that the hub reads, with its default. Made by \`npm run docs\`; do not edit.
# Copy it to .env, change what you need, and load it into the shell that starts the hub:
#   set -a; . ./.env; set +a; npm start
# docs/configuration.md says which process reads what.`;

/**
 * .env.example.
 * @param {readonly Section[]} sections
 */
export function renderEnvExample(sections) {
  const parts = sections.map(({ title, variables }) => {
    const entries = variables.map((variable) => {
      const { name, description, example } = variable;
      const lines = [`# ${description}`];
      if (example !== undefined && example !== variable.default) {
        lines.push(`# For example: ${name}=${example}`);
      }
      lines.push(variable.required ? `${name}=` : `#${name}=${variable.default ?? ''}`);
      return lines.join('\n');
    });
    return [`# --- ${title} ---`, ...entries].join('\n\n');
  });
  return `${[envHead, ...parts].join('\n\n')}\n`;
}

/** @param {ConfigVariable} variable */
function defaultOf(variable) {
  if (variable.required) return '**required**';
  return variable.default === undefined || variable.default === ''
    ? '–'
    : `\`${variable.default}\``;
}

/**
 * As prettier writes it, so that the files need no formatting.
 * @param {string} text
 */
function escapeCell(text) {
  return text.replaceAll(/[*|]/g, '\\$&');
}

/** @param {string[][]} rows the first is the head */
function renderTable(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(3, ...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (/** @type {string[]} */ cells) =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [head = [], ...body] = rows;
  return [line(head), rule, ...body.map(line)].join('\n');
}
