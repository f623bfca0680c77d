import { create } from './dom.js';
import { toAge } from './words.js';

/** The newest jobs of the hub, as links that open them. */
export class RecentJobs {
  #list;
  #jobs = [];
  #current;

  /** @param {HTMLElement} list */
  constructor(list) {
    this.#list = list;
  }

  setJobs(jobs) {
    this.#jobs = jobs;
    this.#render();
  }

  setCurrent(id) {
    this.#current = id;
    this.#render();
  }

  #render() {
    const items = this.#jobs.map((job) => create('li', {}, this.#createLink(job)));
    const none = create('li', { className: 'muted' }, 'No job yet.');
    // A link that has the focus would lose it with its element.
    const focused = document.activeElement?.getAttribute('href');
    this.#list.replaceChildren(...(items.length > 0 ? items : [none]));
    if (focused?.startsWith('#job='))
      this.#list.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus();
  }

  #createLink({ id, model, status, progress, createdAt }) {
    const steps =
      status === 'running' && progress !== null ? ` ${progress.step}/${progress.of}` : '';
    return create(
      'a',
      { href: `#job=${id}`, 'aria-current': id === this.#current ? 'true' : undefined },
      create('span', { className: 'dot', 'data-status': status }),
      create('span', { className: 'name' }, model),
      create('span', { className: 'what' }, status + steps),
      create(
        'time',
        { className: 'age', dateTime: new Date(createdAt).toISOString() },
        toAge(createdAt),
      ),
    );
  }
}
