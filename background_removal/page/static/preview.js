// Preview of an unprocessed video: its current frame as a photo.

import { ask, query } from "./api.js";
import { Compare } from "./compare.js";
import { byId, el } from "./dom.js";

// Longest side of the frame, pixels; larger than most stages, and quick to send.
const LONGEST = 1280;

export class Preview {
  /**
   * @param {HTMLVideoElement} video The source.
   * @param {{width: number, height: number}} size
   * @param {import("./look.js").Look} look
   */
  constructor(video, { width, height }, look) {
    this.video = video;
    this.look = look;
    this.image = el("img", { alt: "The current frame with its background changed", id: "video-preview", draggable: "false" });
    this.compare = new Compare(video, this.image, () => {}, "Preview");
    this.compare.fit(width, height);
    this.#alone(true);
    this.update = this.update.bind(this);
    for (const event of ["loadeddata", "seeked", "pause"]) video.addEventListener(event, this.update);
    video.addEventListener("play", () => this.#alone(true));
    document.addEventListener("tab", this.update);
    look.addEventListener("change", this.update);
  }

  close() {
    this.closed = true;
    document.removeEventListener("tab", this.update);
    this.look.removeEventListener("change", this.update);
    this.#forget();
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
    if (!this.photo || this.at !== this.video.currentTime) {
      this.#forget();
      this.at = this.video.currentTime;
      this.photo = (await ask("/api/photos?name=frame.jpg", { body: await this.#frame() })).id;
    }
    if (this.closed) return this.#forget();
    const transparent = this.look.value.background === "transparent";
    const format = transparent ? "png" : "jpeg";
    const blob = await ask(`/api/photos/${this.photo}/result?${query(this.look.value, { format })}`, { as: "blob" });
    const address = URL.createObjectURL(blob);
    this.image.src = address;
    await this.image.decode();
    URL.revokeObjectURL(address);
    if (this.again || this.#idle()) return;
    this.compare.seeThrough(transparent);
    this.#alone(false);
  }

  #idle() {
    return this.closed || !this.video.paused || this.video.readyState < 2 || byId("video").hidden;
  }

  #frame() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const scale = Math.min(1, LONGEST / Math.max(width, height));
    const canvas = el("canvas", { width: Math.round(width * scale), height: Math.round(height * scale) });
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  }

  #forget() {
    if (this.photo) ask(`/api/photos/${this.photo}`, { method: "DELETE" }).catch(() => {}); // gone already
    this.photo = null;
  }

  #alone(on) {
    this.compare.element.classList.toggle("alone", on);
  }
}
