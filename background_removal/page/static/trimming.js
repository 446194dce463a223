// Trimming: where the result of a video begins and ends.

import { button, byId, el } from "./dom.js";
import { clock } from "./numbers.js";
import { words } from "./words.js";

export class Trimming {
  /** @type {any} The video that has the shown ends. */
  video = null;

  /** @param {import("./player.js").Player} player */
  constructor(player) {
    this.player = player;
    this.start = this.#field("start");
    this.end = this.#field("end");
    this.length = el("output", { class: "time" });
    this.element = el(
      "div",
      {
        class: "tools trim",
        role: "group",
        "aria-label": words("trim.title"),
        hidden: true,
      },
      this.start.element,
      this.end.element,
      this.length,
    );
    byId("video-tools").after(this.element);
  }

  #field(/** @type {"start"|"end"} */ side) {
    const input = el("input", {
      type: "number",
      id: `trim-${side}`,
      min: 0,
      step: "any",
      onchange: () => this.#take(side, input.valueAsNumber),
    });
    const here = button(words("trim.here"), "", () => this.#take(side, this.player.sourceTime), {
      title: words(`trim.${side}-here`),
    });
    return {
      input,
      element: el(
        "span",
        { class: "side" },
        el("label", { for: `trim-${side}` }, words(`trim.${side}`)),
        el("span", { class: "joined" }, input, here),
      ),
    };
  }

  /** Show the ends of a video, or nothing. */
  show(/** @type {Video|null} */ video) {
    this.element.hidden = !video?.seconds;
    if (!video?.seconds) return;
    if (video !== this.video) {
      this.video = video;
      video.trim ??= { start: video.start, end: video.end || video.seconds };
      this.#write();
    }
  }

  /** The ends as /api/videos/ID/start takes them. */
  get value() {
    const { trim, seconds } = this.video ?? {};
    return trim ? { start: trim.start, end: trim.end < seconds ? trim.end : 0 } : {};
  }

  // Take a new end, in seconds; the other one gives way.
  #take(/** @type {"start"|"end"} */ side, /** @type {number} */ at) {
    const { trim, seconds } = this.video;
    const within = Math.min(seconds, Math.max(0, Number.isFinite(at) ? at : side === "end" ? seconds : 0));
    trim[side] = Math.round(within * 1000) / 1000;
    if (trim.start >= trim.end) {
      if (side === "end") trim.start = 0;
      else trim.end = seconds;
    }
    if (trim.start >= trim.end) Object.assign(trim, { start: 0, end: seconds });
    this.#write();
  }

  #write() {
    const {
      trim: { start, end },
      seconds,
    } = this.video;
    for (const [{ input }, value] of [
      [this.start, start],
      [this.end, end],
    ]) {
      Object.assign(input, {
        max: seconds,
        value: Math.round(value * 100) / 100,
      });
    }
    this.length.value = clock(end - start);
  }
}
