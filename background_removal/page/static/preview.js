// Preview of an unprocessed video: its current frame in the look, made by the server.

import { ask, query } from "./api.js";
import { Compare } from "./compare.js";
import { byId, el } from "./dom.js";
import { words } from "./words.js";

// Longest side of the frame, pixels; larger than most stages, and quick to send.
const LONGEST = 1280;

export class Preview {
  /**
   * @param {HTMLVideoElement|import("./slides.js").Slides} media The source.
   * @param {{id: string, width: number, height: number}} video
   * @param {import("./look.js").Look} look
   */
  constructor(media, { id, width, height }, look) {
    this.media = media;
    this.id = id;
    this.look = look;
    this.image = el("img", {
      alt: words("video.preview-picture"),
      id: "video-preview",
      draggable: "false",
    });
    this.compare = new Compare("element" in media ? media.element : media, this.image, () => {}, words("view.preview"));
    this.compare.fit(width, height);
    this.#alone(true);
    this.update = this.update.bind(this);
    for (const event of ["loadeddata", "seeked", "pause"]) media.addEventListener(event, this.update);
    media.addEventListener("play", () => this.#alone(true));
    document.addEventListener("tab", this.update);
    look.addEventListener("change", this.update);
  }

  close() {
    this.closed = true;
    document.removeEventListener("tab", this.update);
    this.look.removeEventListener("change", this.update);
  }

  /** Fetch the current frame in the current look; only the last of several requests is sent. */
  async update() {
    this.again = true;
    if (this.busy) return;
    this.busy = true;
    while (this.again) {
      this.again = false;
      await this.#ask().catch(() => this.#alone(true)); // falls back to the source
    }
    this.busy = false;
  }

  async #ask() {
    if (this.#idle()) return;
    const transparent = this.look.value.background === "transparent";
    const wanted = {
      seconds: this.media.currentTime,
      longest: LONGEST,
      format: transparent ? "png" : "jpeg",
    };
    const blob = await ask(`/api/videos/${this.id}/still?${query(this.look.value, wanted)}`, { as: "blob" });
    const address = URL.createObjectURL(blob);
    this.image.src = address;
    await this.image.decode();
    URL.revokeObjectURL(address);
    if (this.again || this.#idle()) return;
    this.compare.seeThrough(transparent);
    this.#alone(false);
  }

  #idle() {
    return this.closed || !this.media.paused || this.media.readyState < 2 || byId("video").hidden;
  }

  #alone(/** @type {boolean} */ on) {
    this.compare.element.classList.toggle("alone", on);
  }
}
