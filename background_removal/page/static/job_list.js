// List of videos with their states; its rows are reused, so that they keep the focus.

import { el } from "./dom.js";
import { clock, percent, size } from "./numbers.js";
import { showInTitle } from "./tab_title.js";
import { words } from "./words.js";

export class JobList {
  /**
   * @param {HTMLElement} element
   * @param {(video: Video) => void} pick Called with the video of a pressed name.
   */
  constructor(element, pick) {
    this.element = element;
    this.pick = pick;
  }

  /** Show the videos, and mark the one at hand. */
  show(/** @type {Video[]} */ videos, /** @type {Video|null} */ current) {
    this.element.hidden = !videos.length;
    const busy =
      videos.find(({ state, frames }) => state === "working" && frames) ??
      videos.find(({ state }) => state === "sending");
    showInTitle("video", busy ? shareOf(busy) : null, busy?.name);
    for (const row of [...this.element.children]) if (!videos.includes(/** @type {JobRow} */ (row).video)) row.remove();
    for (const [n, video] of videos.entries()) {
      video.row ??= this.#make(video);
      if (this.element.children[n] !== video.row) {
        this.element.insertBefore(video.row, this.element.children[n] ?? null);
      }
      const { bar, state, name } = video.row;
      name.setAttribute("aria-current", String(video === current));
      bar.hidden = !["sending", "working", "queued"].includes(video.state);
      bar.value = shareOf(video);
      state.textContent = inWords(video);
    }
  }

  #make(/** @type {Video} */ video) {
    const state = el("span", { class: "words" });
    const bar = el("progress", {
      max: 1,
      value: 0,
      "aria-label": words("video.progress", { name: video.name }),
    });
    const name = el("button", { type: "button", class: "name", onclick: () => this.pick(video) }, video.name);
    return /** @type {JobRow} */ (
      Object.assign(el("li", { class: "job" }, name, state, bar), {
        video,
        bar,
        state,
        name,
      })
    );
  }
}

const shareOf = (/** @type {Video} */ { state, part, frames, done }) =>
  state === "sending" ? part : frames ? Math.min(1, (done ?? 0) / frames) : 0;

/** Return a video's size, length and sound in words, with what is to be said of it. */
export function facts(/** @type {Video} */ { state, width, height, seconds, sound, warnings, error }) {
  const parts = [
    width && `${width} × ${height}`,
    seconds && clock(seconds),
    sound ? words("facts.sound") : "",
    error && state === "failed" ? error : "",
  ];
  return [...parts, ...(warnings ?? [])].filter(Boolean).join(" · ") || "\u00a0";
}

// In whole percent, 100 only when all is done.
const whole = (/** @type {number} */ share) => percent(Math.floor(share * 100) / 100);

function inWords(/** @type {Video} */ { state, part, bytes, place, frames, done, rate, seconds_left: left, error }) {
  if (state === "sending") return words("state.sending", { share: whole(part), size: size(bytes) });
  if (state === "uploaded") return words("state.uploaded");
  if (state === "queued") return place > 1 ? words("state.queued", { n: place - 1 }) : words("state.next");
  if (state === "working") {
    return [
      frames ? whole((done ?? 0) / frames) : words("facts.frames", { n: done ?? 0 }),
      left != null && words("facts.left", { time: clock(left) }),
      rate && words("facts.rate", { n: Math.round(rate) }),
    ]
      .filter(Boolean)
      .join(" · ");
  }
  return words(`state.${state}`, { reason: error ?? "" });
}
