// Pictures of a video that this browser cannot decode, made by the server; used like a <video>.

import { ask } from "./api.js";
import { el } from "./dom.js";

// Longest side of a picture, pixels, while it is still and while it plays.
const LONGEST = 1280;
const LONGEST_MOVING = 640;
// Shortest time between two pictures while it plays, milliseconds.
const EVERY_MS = 100;

export class Slides extends EventTarget {
  /**
   * @param {Video} video
   * @param {"source"|"result"} of Which file of the video.
   * @param {string} sound Address of its sound, "" for none.
   * @param {object} attributes Those of the picture.
   */
  constructor({ id, seconds, look }, of, sound, attributes) {
    super();
    this.address = `/api/videos/${id}/still`;
    this.wanted = {
      of,
      format: of === "result" && look?.background === "transparent" ? "png" : "jpeg",
    };
    this.element = el("img", { draggable: "false", ...attributes });
    this.sound = sound ? new Audio(sound) : null;
    this.duration = seconds ?? 0;
    this.since = 0;
    /** @type {Promise<boolean>|null} */
    this.showing = null;
    this.paused = true;
    this.ended = false;
    this.readyState = 0;
    this.at = 0;
    this.#show();
  }

  get currentTime() {
    return this.paused ? this.at : Math.min(this.duration, this.at + (performance.now() - this.since) / 1000);
  }

  set currentTime(seconds) {
    this.at = seconds;
    this.since = performance.now();
    this.ended = false;
    if (this.sound) this.sound.currentTime = seconds;
    this.#show();
  }

  set muted(/** @type {boolean} */ on) {
    if (this.sound) this.sound.muted = on;
  }

  async play() {
    if (!this.paused || this.closed) return;
    if (this.at >= this.duration) this.currentTime = 0;
    this.ended = false;
    this.since = performance.now();
    this.paused = false;
    this.sound?.play().catch(() => {});
    this.#say("play");
    while (!this.paused) {
      const [shown] = await Promise.all([this.#show(), new Promise((done) => setTimeout(done, EVERY_MS))]);
      if (!this.paused && this.currentTime >= this.duration) {
        this.ended = true;
        this.pause();
        this.#say("ended");
      } else if (shown === false) this.pause();
    }
  }

  pause() {
    if (this.paused) return;
    this.at = this.currentTime;
    this.paused = true;
    this.sound?.pause();
    this.#say("pause");
    this.#show();
  }

  close() {
    this.paused = this.closed = true;
    this.sound?.pause();
    this.sound?.removeAttribute("src");
  }

  // Fetch the picture at the current time; only the last of several requests is sent.
  #show() {
    this.again = true;
    return (this.showing ??= this.#fetchAll().finally(() => (this.showing = null)));
  }

  async #fetchAll() {
    while (this.again && !this.closed) {
      this.again = false;
      const seconds = this.currentTime;
      const blob = await ask(
        `${this.address}?${new URLSearchParams(/** @type {any} */ ({ ...this.wanted, seconds, longest: this.paused ? LONGEST : LONGEST_MOVING }))}`,
        { as: "blob" },
      ).catch(() => null);
      if (this.closed || !blob) return false;
      const address = URL.createObjectURL(blob);
      this.element.src = address;
      await this.element.decode().catch(() => {});
      URL.revokeObjectURL(address);
      const first = !this.readyState;
      this.readyState = 2;
      if (first) this.#say("loadeddata");
      this.#say(this.paused ? "seeked" : "timeupdate");
    }
    return true;
  }

  #say(/** @type {any} */ event) {
    this.dispatchEvent(new Event(event));
  }
}
