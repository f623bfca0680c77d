/**
 * Gathers what is said within one turn of the event loop and sends it together, in its order. Each write
 * to the other process costs a system call and wakes it, which on a busy machine takes a core from the
 * model: a step of 16 jobs is one message instead of 16 (bench/batching.bench.ts).
 */
export class Outgoing<Message> {
  readonly #send: (messages: Message[]) => void;
  readonly #schedule: (flush: () => void) => void;
  #messages: Message[] = [];

  /**
   * @param schedule when to send what was gathered: `setImmediate` waits for the end of the turn,
   *   `queueMicrotask` only for the code that runs now
   */
  constructor(send: (messages: Message[]) => void, schedule: (flush: () => void) => void) {
    this.#send = send;
    this.#schedule = schedule;
  }

  push(message: Message): void {
    this.#messages.push(message);
    if (this.#messages.length > 1) return;
    this.#schedule(() => {
      this.flush();
    });
  }

  /** Sends at once what was gathered. */
  flush(): void {
    if (this.#messages.length > 0) this.#send(this.#messages.splice(0));
  }
}
