// Format of a video's result, and whether its matte is made too.

import { el } from "./dom.js";
import { formatChoice } from "./formats.js";
import { options } from "./options.js";
import { words } from "./words.js";

export class VideoFormat {
  #box = el("input", { type: "checkbox", id: "video-matte" });

  /** @param {import("./look.js").Look} look */
  constructor(look) {
    this.select = formatChoice(options.video_formats, look);
    this.matte = el("label", { class: "check" }, this.#box, words("video.matte"));
  }

  /** The settings, as /api/videos/ID/start takes them. */
  get value() {
    return { format: this.select.value, matte: this.#box.checked };
  }
}
