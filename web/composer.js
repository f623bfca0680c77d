import { Problem, submitJob } from './api.js';
import { byId, create } from './dom.js';
import { SchemaForm } from './schema-form.js';
import { shorten, toCount, toLabel } from './words.js';

const MAX_EXAMPLE = 80;
const GRACE_MS = 5_000;

/** The form that starts a job: the model, its input, and what leaving means. */
export class Composer {
  #fields = new SchemaForm(byId('fields'));
  #models = new Map();
  #model;
  #onSubmitted;

  /** @param {{ onSubmitted: (job: object, policy: 'cancel' | 'continue') => void }} options */
  constructor({ onSubmitted }) {
    this.#onSubmitted = onSubmitted;
    const form = byId('composer');
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#submit();
    });
    form.addEventListener('keydown', (event) => {
      if (event.key === 'Enter' && (event.metaKey || event.ctrlKey)) form.requestSubmit();
    });
    byId('models').addEventListener('change', ({ target }) => this.choose(target.value));
  }

  /** Takes the list of models; the form is left alone when only who serves them has changed. */
  setModels({ models, broken }) {
    const names = models.map(({ name }) => name).join();
    const isSame = names === [...this.#models.keys()].join();
    this.#models = new Map(models.map((model) => [model.name, model]));
    byId('broken').hidden = broken.length === 0;
    byId('broken').replaceChildren(
      ...broken.map(({ folder, reason }) => create('li', {}, `${folder}: ${reason}`)),
    );
    if (isSame) {
      this.#describe();
      return;
    }
    byId('models').replaceChildren(...models.map(createChoice));
    const chosen = this.#models.has(this.#model) ? this.#model : firstChoice(models);
    this.#model = undefined;
    this.choose(chosen);
  }

  choose(name) {
    const model = this.#models.get(name);
    if (model === undefined || name === this.#model) return;
    this.#model = name;
    for (const radio of byId('models').querySelectorAll('input'))
      radio.checked = radio.value === name;
    this.#fields.setSchema(model.input);
    // A first Run shows something: an empty prompt would draw whatever comes.
    if (needsText(model) && model.examples.length > 0) this.#fields.fill(model.examples[0]);
    this.#showError('');
    this.#describe();
    byId('examples').replaceChildren(
      ...model.examples.map((example) => {
        const button = create('button', { type: 'button', className: 'chip' }, labelOf(example));
        button.addEventListener('click', () => this.#fields.fill(example));
        return button;
      }),
    );
    byId('examples-box').hidden = model.examples.length === 0;
    byId('run').disabled = false;
  }

  foldOf(model, type) {
    return this.#models.get(model)?.folds[type];
  }

  #describe() {
    const model = this.#models.get(this.#model);
    if (model === undefined) return;
    byId('model-description').textContent = model.description;
    const { workers, devices, queueDepth } = model;
    byId('model-served').textContent =
      workers === 0
        ? 'No worker serves it now: jobs wait for one.'
        : [
            `runs on ${devices.join(', ')}`,
            toCount(workers, 'worker'),
            `${queueDepth} waiting`,
          ].join(' · ');
  }

  async #submit() {
    const model = this.#model;
    const input = this.#fields.read();
    if (model === undefined || input === undefined) return;
    this.#showError('');
    const policy = byId('policy').value;
    const run = byId('run');
    run.disabled = true;
    try {
      const options = { onDisconnect: { policy, graceMs: GRACE_MS } };
      this.#onSubmitted(await submitJob({ model, input, options }), policy);
    } catch (error) {
      this.#showProblem(error);
    } finally {
      run.disabled = false;
    }
  }

  #showProblem(error) {
    if (!(error instanceof Problem)) throw error;
    const inputFaults = error.errors
      .filter(({ path }) => path.startsWith('input.'))
      .map(({ path, message }) => ({ path: path.slice('input.'.length), message }));
    const others = [
      ...this.#fields.showFaults(inputFaults),
      ...error.errors.filter(({ path }) => !path.startsWith('input.')),
    ];
    if (error.errors.length === 0) this.#showError(error.message);
    else this.#showError(others.map(({ path, message }) => `${path}: ${message}`).join(' '));
  }

  #showError(text) {
    byId('form-error').textContent = text;
    byId('form-error').hidden = text === '';
  }
}

function createChoice({ name }) {
  return create(
    'label',
    { className: 'choice' },
    create('input', { type: 'radio', name: 'model', value: name }),
    create('span', {}, name),
  );
}

/** People come to write a prompt, so the first model that needs a text is chosen. */
function firstChoice(models) {
  return (models.find(needsText) ?? models[0])?.name;
}

function needsText({ input }) {
  return (input.required ?? []).some((name) => input.properties?.[name]?.type === 'string');
}

/** The text of an example, or its values where it has none. */
function labelOf(example) {
  const values = Object.entries(Object(example));
  const text = values.find(([, value]) => typeof value === 'string' && value !== '')?.[1];
  const label =
    text ??
    values
      .filter(([, value]) => value !== '')
      .map(([name, value]) => `${toLabel(name)} ${value}`)
      .join(', ');
  return shorten(label, MAX_EXAMPLE);
}
