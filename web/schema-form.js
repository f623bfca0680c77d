import { create } from './dom.js';
import { Field } from './field.js';

/** Fields that everyone sees, beside those that must be filled in and texts; the others are folded. */
const MAX_PLAIN_FIELDS = 2;
/** Folding a single field would only cost a click. */
const MIN_FOLDED_FIELDS = 2;

/** The fields of an input, made from its JSON Schema. The hub checks the values, by the same schema. */
export class SchemaForm {
  #container;
  /** @type {Field[]} */
  #fields = [];
  /** @type {Set<Field>} */
  #folded = new Set();
  #details;

  /** @param {HTMLElement} container */
  constructor(container) {
    this.#container = container;
  }

  setSchema(schema) {
    const required = new Set(schema.required);
    const properties = Object.entries(schema.properties ?? {});
    this.#fields = properties.map(([name, part]) => new Field(name, part, required.has(name)));
    let plain = 0;
    const isFolded = (field) => {
      const { type } = schema.properties[field.name];
      return !required.has(field.name) && type !== 'string' && ++plain > MAX_PLAIN_FIELDS;
    };
    const isSwitch = (field) => schema.properties[field.name].type === 'boolean';
    // A switch takes a whole row, so behind the others it tears no pair of numbers apart.
    const folded = this.#fields
      .filter(isFolded)
      .sort((a, b) => Number(isSwitch(a)) - Number(isSwitch(b)));
    this.#folded = new Set(folded.length < MIN_FOLDED_FIELDS ? [] : folded);
    const shown = this.#fields.filter((field) => !this.#folded.has(field));
    this.#details = create(
      'details',
      { hidden: this.#folded.size === 0 },
      create('summary', {}, `More settings (${this.#folded.size})`),
      create('div', { className: 'fields' }, ...[...this.#folded].map(({ element }) => element)),
    );
    this.#container.replaceChildren(...shown.map(({ element }) => element), this.#details);
    this.fill({});
  }

  /** Sets every field: to its value here, else to its default. */
  fill(values) {
    for (const field of this.#fields) field.write(values[field.name]);
    this.#unfold(({ name }) => name in values);
  }

  /** @returns {Record<string, unknown> | undefined} undefined after a fault, which is shown */
  read() {
    const input = {};
    const faults = [];
    for (const field of this.#fields) {
      try {
        const value = field.read();
        if (value !== undefined) input[field.name] = value;
      } catch (error) {
        faults.push({ path: field.name, message: error.message });
      }
    }
    this.showFaults(faults);
    return faults.length === 0 ? input : undefined;
  }

  /**
   * Shows each fault beside its field, and brings the first one into view.
   * @param {readonly { path: string, message: string }[]} faults
   * @returns {{ path: string, message: string }[]} those of no field
   */
  showFaults(faults) {
    const faulty = this.#fields.filter((field) => {
      const own = faults.filter(({ path }) => isOf(field, path));
      field.showFaults(
        own.map(({ path, message }) => withPlace(path.slice(field.name.length + 1), message)),
      );
      return own.length > 0;
    });
    this.#unfold((field) => faulty.includes(field));
    faulty[0]?.focus();
    return faults.filter(({ path }) => !this.#fields.some((field) => isOf(field, path)));
  }

  /** Opens what is folded when someone must see a field in it. */
  #unfold(isNeeded) {
    if ([...this.#folded].some(isNeeded)) this.#details.open = true;
  }
}

function isOf(field, path) {
  return path === field.name || path.startsWith(`${field.name}.`);
}

/** Paths inside a field count from 0; people count from 1. */
function withPlace(rest, message) {
  if (rest === '') return message;
  return /^\d+$/.test(rest) ? `Line ${Number(rest) + 1}: ${message}` : `${rest}: ${message}`;
}
