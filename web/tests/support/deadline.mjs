/** Waiting for something that happens, never for time to pass. */

/** The longest that anything is waited for: many times what it takes where everything is slow. */
export const PATIENCE = 60_000;
/** The longest that a test takes. */
export const TEST_TIMEOUT = 5 * PATIENCE;

/** The promise's value, or a failure that says what did not happen. */
export async function within(promise, what, ms = PATIENCE) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`not within ${ms} ms: ${typeof what === "function" ? what() : what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Keeps the events of an emitter, as `heard` makes them, so that none is missed between two waits. */
export class Events {
  #kept = [];
  #waiting = [];

  constructor(emitter, names, heard = (event) => event) {
    for (const name of names) emitter.on(name, (event) => this.#take({ name, event: heard(event) }));
  }

  #take(item) {
    this.#kept.push({ ...item, used: false });
    for (const look of [...this.#waiting]) look();
  }

  /** The next event of this name that fits; each is given once. */
  next(name, fits = () => true, ms = PATIENCE) {
    return this.#wait(
      ms,
      () => {
        const found = this.#kept.find((item) => !item.used && item.name === name && fits(item.event));
        if (found) found.used = true;
        return found;
      },
      () => `the event "${name}"; seen: ${JSON.stringify(this.#kept.map(({ name, event }) => [name, event]))}`,
    ).then(({ event }) => event);
  }

  /** All events of a name that came so far. */
  all(name) {
    return this.#kept.filter((item) => item.name === name).map(({ event }) => event);
  }

  #wait(ms, find, what) {
    const wait = new Promise((done) => {
      const look = () => {
        const found = find();
        if (!found) return;
        this.#waiting.splice(this.#waiting.indexOf(look), 1);
        done(found);
      };
      this.#waiting.push(look);
      look();
    });
    return within(wait, what, ms);
  }
}

/** Asks again until the answer fits. For what no event tells of, such as the presence of a connection that was lost. */
export async function until(ask, fits, what, { ms = PATIENCE, pause = 20 } = {}) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (fits(answer)) return answer;
    if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}; the last answer: ${JSON.stringify(answer)}`);
    await new Promise((next) => setTimeout(next, pause));
  }
}
