// Last frame of the video that is being processed.

import { el } from "./dom.js";
import { words } from "./words.js";

export class FrameAtHand {
  /** @type {Video|null} */
  video = null;
  /** @type {number|null} Number of the frame. */
  shown = null;

  /** @param {HTMLElement} stage */
  constructor(stage) {
    this.picture = el("img", {
      class: "at-hand",
      alt: words("video.frame-picture"),
      hidden: true,
    });
    stage.append(this.picture);
  }

  /** Show no frame. */
  clear() {
    this.video = this.shown = null;
    this.picture.hidden = true;
    this.picture.removeAttribute("src");
  }

  /** Show a video's last frame, if there is a new one. */
  show(/** @type {Video} */ video) {
    this.video = video;
    if (video.state !== "working" || !video.done || this.shown === video.done) return;
    this.shown = video.done;
    const next = new Image();
    next.src = `/api/videos/${video.id}/frame?at=${video.done}`;
    next
      .decode()
      .then(() => {
        if (video !== this.video || video.state !== "working") return;
        this.picture.src = next.src;
        this.picture.hidden = false;
      })
      .catch(() => {}); // no frame yet
  }
}
