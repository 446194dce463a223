// Recordings of all tabs of the page: one holds a lock while it goes on, which the browser releases even in a crash.

const PREFIX = "recording:";
// Age of the last piece from which a recording counts as left behind by its tab, without locks, milliseconds.
const SILENT_MS = 30_000;

export class RecordingTabs {
  #channel = new BroadcastChannel("recordings");
  #waiting = new Set();
  #own = new Set();
  #changed;

  /** @param {(others: number) => void} changed Called with the number of other tabs that record, when anything has changed. */
  constructor(changed) {
    this.#changed = changed;
    this.#channel.onmessage = () => this.look();
  }

  /** Hold a recording until the returned function is called. */
  async hold(/** @type {string} */ id) {
    this.#own.add(id);
    /** @type {(value?: any) => void} */
    let release = () => {};
    if (navigator.locks) {
      await new Promise((/** @type {(value?: any) => void} */ held) => {
        navigator.locks
          .request(
            PREFIX + id,
            () =>
              new Promise((resolve) => {
                release = resolve;
                held();
              }),
          )
          .catch(held);
      });
    }
    this.announce();
    return () => {
      release();
      this.#own.delete(id);
      this.announce();
    };
  }

  /** Let the other tabs look again. */
  announce() {
    this.#channel.postMessage("changed");
  }

  /** Find out which recordings go on, and be called again when one of another tab ends. */
  async look() {
    for (const id of await this.#held()) {
      if (this.#own.has(id) || this.#waiting.has(id)) continue;
      this.#waiting.add(id);
      navigator.locks
        .request(PREFIX + id, { mode: "shared" }, () => this.#waiting.delete(id))
        .finally(() => this.#changed(this.#waiting.size));
    }
    this.#changed(this.#waiting.size);
  }

  /** Return the kept recordings that no tab continues any more. */
  async abandoned(/** @type {any[]} */ kept) {
    const held = await this.#held();
    return kept.filter(
      ({ id, updated }) => !this.#own.has(id) && !held.has(id) && (navigator.locks || Date.now() - updated > SILENT_MS),
    );
  }

  async #held() {
    const held = (await navigator.locks?.query())?.held ?? [];
    const names = held.filter(({ mode }) => mode === "exclusive").map(({ name }) => name ?? "");
    return new Set(names.filter((name) => name.startsWith(PREFIX)).map((name) => name.slice(PREFIX.length)));
  }
}
