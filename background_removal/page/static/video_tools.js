// Tools below the video, and their keys.

import { keyOf } from "./actions.js";
import { button, byId, el } from "./dom.js";
import { bind } from "./keys.js";
import { Trimming } from "./trimming.js";
import { VideoFormat } from "./video_format.js";
import { words } from "./words.js";

export class VideoTools {
  /**
   * @param {import("./videos.js").Videos} videos
   * @param {import("./look.js").Look} look
   */
  constructor(videos, look) {
    this.format = new VideoFormat(look);
    this.trimming = new Trimming(videos.player);
    const push = (
      /** @type {string} */ label,
      /** @type {string} */ name,
      /** @type {() => void} */ act,
      attributes = {},
    ) => button(label, keyOf("video", name), act, attributes);
    this.buttons = {
      begin: push(words("video.begin"), "start", () => videos.begin(), { class: "main" }),
      save: push(words("file.save"), "save", () => videos.save(), { class: "main" }),
      saveMatte: button(words("video.save-matte"), "", () => videos.save("matte")),
      cancel: push(words("video.cancel"), "cancel", () => videos.cancel()),
      beside: push(words("view.beside"), "beside", () => videos.beside(), { "aria-pressed": "false" }),
      full: push(words("view.full"), "full-screen", () => videos.fullScreen()),
      add: push(words("file.add"), "open", () => videos.choose()),
      remove: push(words("file.remove"), "remove", () => videos.remove()),
    };
    const { begin, save, ...rest } = this.buttons;
    this.beginning = el("span", { class: "joined" }, begin, this.format.select);
    byId("video-tools").append(save, this.beginning, this.format.matte, ...Object.values(rest));
    bind("video", {
      open: () => videos.choose(),
      start: () => videos.begin(),
      play: () => videos.player.toggle(),
      beside: () => videos.beside(),
      save: () => videos.save(),
      cancel: () => videos.cancel(),
      previous: () => videos.step(-1),
      next: () => videos.step(1),
      remove: () => videos.remove(),
      "full-screen": () => videos.fullScreen(),
    });
  }

  /**
   * Show the tools that there are for a video.
   * @param {Video|null} video
   * @param {boolean} busy Whether it is being processed, or waits for that.
   */
  show(video, busy) {
    const ready = Boolean(video?.id) && !busy;
    const { buttons } = this;
    this.beginning.hidden = this.format.matte.hidden = !ready;
    this.trimming.show(ready ? video : null);
    buttons.begin.textContent = video?.result ? words("video.again") : words("video.begin");
    buttons.begin.classList.toggle("main", !video?.result);
    buttons.save.hidden = !ready || !video?.result;
    buttons.saveMatte.hidden = !ready || !video?.matte;
    buttons.cancel.hidden = !busy && video?.state !== "sending";
    buttons.beside.hidden = !ready || !video?.result;
    buttons.full.hidden = !ready;
    buttons.remove.hidden = !ready;
  }
}
