import { create } from './dom.js';
import { toLabel } from './words.js';

/** Longer texts get several lines. */
const ONE_LINE = 100;
/** Bounds at which a schema means no bound. */
const isBound = (value) => Number.isFinite(value) && Math.abs(value) < Number.MAX_SAFE_INTEGER;

let lastId = 0;

/**
 * How a value of a schema is typed in: the control, and how its value is read and written. `read` gives
 * `undefined` for a field that is left out, and throws what is wrong with one that cannot be read.
 */
function controlOf(schema, isRequired) {
  if (Array.isArray(schema.enum)) return choiceControl(schema);
  if (schema.type === 'boolean') return switchControl();
  if (schema.type === 'integer' || schema.type === 'number') return numberControl(schema);
  if (schema.type === 'string') return textControl(schema, isRequired);
  if (schema.type === 'array' && schema.items?.type === 'string') return linesControl(schema);
  return jsonControl();
}

function choiceControl(schema) {
  const options = schema.enum.map((value) =>
    create('option', { value: JSON.stringify(value) }, String(value)),
  );
  const control = create('select', {}, ...options);
  if (schema.default === undefined) control.prepend(create('option', { value: '' }, '–'));
  return {
    control,
    read: () => (control.value === '' ? undefined : JSON.parse(control.value)),
    write: (value) => (control.value = value === undefined ? '' : JSON.stringify(value)),
  };
}

function switchControl() {
  const control = create('input', { type: 'checkbox' });
  return {
    control,
    kind: 'switch',
    read: () => control.checked,
    write: (value) => (control.checked = value === true),
  };
}

function numberControl(schema) {
  const control = create('input', {
    type: 'number',
    step: schema.type === 'integer' ? '1' : 'any',
    inputMode: schema.type === 'integer' ? 'numeric' : 'decimal',
  });
  return {
    control,
    kind: 'number',
    hint: rangeOf(schema),
    read: () => {
      if (control.validity.badInput) throw new Error('This is not a number.');
      return control.value === '' ? undefined : Number(control.value);
    },
    write: (value) => (control.value = value ?? ''),
  };
}

/** A range says something when it has two ends. */
function rangeOf({ minimum, exclusiveMinimum, maximum }) {
  if (!isBound(maximum)) return '';
  if (isBound(minimum)) return `${minimum} to ${maximum}`;
  return isBound(exclusiveMinimum) ? `above ${exclusiveMinimum}, to ${maximum}` : '';
}

function textControl({ maxLength = Infinity }, isRequired) {
  const control =
    maxLength > ONE_LINE
      ? create('textarea', { rows: maxLength > 500 ? 4 : 2 })
      : create('input', { type: 'text' });
  return {
    control,
    // An empty text is a value where one must be sent, or where the field has one to take the place of.
    read: (hasDefault) =>
      control.value === '' && !isRequired && !hasDefault ? undefined : control.value,
    write: (value) => (control.value = value ?? ''),
  };
}

function linesControl() {
  const control = create('textarea', { rows: 2 });
  return {
    control,
    hint: 'one per line',
    read: () => control.value.split('\n').filter((line) => line !== ''),
    write: (value) => (control.value = (value ?? []).join('\n')),
  };
}

function jsonControl() {
  const control = create('textarea', { rows: 3, className: 'code' });
  return {
    control,
    hint: 'JSON',
    read: () => {
      if (control.value.trim() === '') return undefined;
      try {
        return JSON.parse(control.value);
      } catch {
        throw new Error('This is not valid JSON.');
      }
    },
    write: (value) => (control.value = value === undefined ? '' : JSON.stringify(value, null, 2)),
  };
}

/** One labelled field of a form, with a place for what is wrong with its value. */
export class Field {
  #schema;
  #part;
  #error;

  constructor(name, schema, isRequired) {
    this.name = name;
    this.#schema = schema;
    this.#part = controlOf(schema, isRequired);
    const { control, hint, kind = 'text' } = this.#part;
    const id = `field-${++lastId}`;
    Object.assign(control, { id, name, autocomplete: 'off' });
    this.#error = create('p', { id: `${id}-error`, className: 'fault', hidden: true });
    const isOptional = !isRequired && schema.default === undefined;
    const label = create('label', { htmlFor: id }, schema.title ?? toLabel(name));
    if (isOptional) label.append(' ', create('small', {}, 'optional'));
    const words = [schema.description, hint].filter(Boolean).join('; ');
    const hintElement = create(
      'p',
      { id: `${id}-hint`, className: 'hint', hidden: words === '' },
      words,
    );
    control.setAttribute('aria-describedby', `${id}-error ${id}-hint`);
    const children = kind === 'switch' ? [control, label] : [label, control];
    this.element = create(
      'div',
      { className: `field field-${kind}` },
      ...children,
      this.#error,
      hintElement,
    );
    control.addEventListener('input', () => this.showFaults([]));
  }

  /** @throws {Error} when what was typed in cannot be read */
  read() {
    return this.#part.read(this.#schema.default !== undefined);
  }

  /** @param {unknown} value `undefined` for the default */
  write(value) {
    this.#part.write(value ?? this.#schema.default);
    this.showFaults([]);
  }

  /** @param {readonly string[]} messages */
  showFaults(messages) {
    this.#error.hidden = messages.length === 0;
    this.#error.textContent = messages.join(' ');
    if (messages.length > 0) this.#part.control.setAttribute('aria-invalid', 'true');
    else this.#part.control.removeAttribute('aria-invalid');
  }

  focus() {
    this.#part.control.focus();
  }
}
