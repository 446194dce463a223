// List of videos with their states; its rows are reused, so that they keep the focus.

import { clock, el, size } from "./dom.js";

export class JobList {
  /**
   * @param {HTMLElement} element
   * @param {(video: object) => void} pick Called with the video of a pressed name.
   */
  constructor(element, pick) {
    this.element = element;
    this.pick = pick;
  }

  /** Show the videos, and mark the one at hand. */
  show(videos, current) {
    this.element.hidden = !videos.length;
    for (const row of [...this.element.children]) if (!videos.includes(row.video)) row.remove();
    for (const [n, video] of videos.entries()) {
      video.row ??= this.#make(video);
      if (this.element.children[n] !== video.row) this.element.insertBefore(video.row, this.element.children[n] ?? null);
      const { bar, words, name } = video.row;
      name.setAttribute("aria-current", video === current);
      bar.hidden = !["sending", "working", "queued"].includes(video.state);
      bar.value = video.state === "sending" ? video.part : video.frames ? (video.done ?? 0) / video.frames : 0;
      words.textContent = inWords(video);
    }
  }

  #make(video) {
    const words = el("span", { class: "words" });
    const bar = el("progress", { max: 1, value: 0, "aria-label": `${video.name}: how far` });
    const name = el("button", { type: "button", class: "name", onclick: () => this.pick(video) }, video.name);
    return Object.assign(el("li", { class: "job" }, name, words, bar), { video, bar, words, name });
  }
}

/** Return a video's size, length and sound in words, with what is to be said of it. */
export function facts({ state, width, height, seconds, sound, warnings, error }) {
  const parts = [width && `${width} × ${height}`, seconds && clock(seconds), sound ? "with sound" : "", error && state === "failed" ? error : ""];
  return [...parts, ...(warnings ?? [])].filter(Boolean).join(" · ") || "\u00a0";
}

function inWords({ state, part, bytes, place, frames, done, rate, seconds_left: left, error }) {
  if (state === "sending") return `sending ${Math.round(part * 100)} % of ${size(bytes)}`;
  if (state === "uploaded") return "ready to begin";
  if (state === "queued") return place > 1 ? `waiting, ${place - 1} before it` : "begins";
  if (state === "working") {
    return [frames ? `${Math.floor(((done ?? 0) / frames) * 100)} %` : `${done ?? 0} frames`, left != null && `${clock(left)} left`,
      rate && `${rate.toFixed(0)} frames a second`].filter(Boolean).join(" · ");
  }
  return state === "failed" ? `failed: ${error ?? ""}` : state;
}
