// Format of a video's result, and whether its matte is made too.

import { choice, el } from "./dom.js";
import { words } from "./words.js";

const FORMATS = [["mp4", "MP4"], ["webm", "WebM"], ["mov", "MOV"]];

export class VideoFormat {
  #box = el("input", { type: "checkbox", id: "video-matte" });

  /** @param {import("./look.js").Look} look */
  constructor(look) {
    this.look = look;
    this.select = choice(words("file.format"), FORMATS, () => {});
    this.matte = el("label", { class: "check" }, this.#box, words("video.matte"));
    look.addEventListener("change", () => this.#show());
    this.#show();
  }

  /** The settings, as /api/videos/ID/start takes them. */
  get value() {
    return { format: this.select.value, matte: this.#box.checked };
  }

  // MP4 cannot be transparent.
  #show() {
    const mp4 = this.select.querySelector("[value=mp4]");
    mp4.disabled = this.look.value.background === "transparent";
    if (mp4.disabled && this.select.value === "mp4") this.select.value = "webm";
  }
}
