// Snapshots and recordings of a camera.

import { describe } from "./devices.js";
import { byId, download, el } from "./dom.js";
import { KeptRecordings, recordingName, stamp } from "./kept_recordings.js";
import { complain, offer, say } from "./messages.js";
import { Recording } from "./recording.js";
import { TransparentCanvas, transparentType } from "./transparent_canvas.js";
import { words } from "./words.js";

// Colour that a recording can have in place of transparency, to be keyed out elsewhere.
const KEY_COLOR = "#00b140";
// Timeout for the first frame with transparency, milliseconds.
const FIRST_MS = 5000;

export class CameraSaving {
  #recording = new Recording();
  #kept = new KeptRecordings();
  #transparent = new TransparentCanvas();
  /** @type {number|null} Frames that have come with their transparency; null while none shall. */
  frames = null;
  #box = el("input", { type: "checkbox", id: "camera-sound" });

  /**
   * @param {import("./camera.js").Camera} camera
   * @param {() => void} changed Called after a recording has begun or ended.
   */
  constructor(camera, changed) {
    this.camera = camera;
    this.changed = changed;
    this.sound = el("label", { class: "check" }, this.#box, words("camera.sound"));
    camera.look.addEventListener("change", () => this.#prepare());
    addEventListener("beforeunload", (event) => this.recording && event.preventDefault());
  }

  /** Whether a recording runs. */
  get recording() {
    return this.#recording.running;
  }

  /** Save the picture, transparent if the look is. */
  snapshot() {
    const { canvas, frozen, hasSquares, link, stream } = this.camera;
    if (canvas.hidden) return;
    // The server has the last frame with its transparency; this computer's camera goes on there while it is frozen here.
    if (hasSquares && (stream || !frozen) && link?.send({ snapshot: true })) return;
    canvas.toBlob((blob) => blob && this.save(blob), "image/png");
  }

  /** Save a snapshot. */
  save(/** @type {Blob} */ blob) {
    download(blob, `snapshot_${stamp()}.png`);
    say(words("camera.snapshot-saved"));
  }

  /** Begin a recording, or end and save it. */
  async record() {
    try {
      if (this.recording) {
        await this.#recording.end((blob) => download(blob, recordingName(blob.type)));
        say(words("camera.recording-saved"));
        this.#letTransparent(false);
      } else if (!this.camera.canvas.hidden && !this.beginning) {
        this.beginning = true;
        await this.#begin().finally(() => (this.beginning = false));
      }
    } catch (error) {
      complain(describe(error));
    }
    this.changed();
  }

  async #begin() {
    const { canvas, hasSquares } = this.camera;
    const type = hasSquares ? await transparentType() : "";
    const isTransparent = Boolean(type) && (await this.#letTransparent(true));
    if (!this.camera.link) return;
    const shown = byId("camera-recording-time");
    try {
      await this.#recording.begin(
        isTransparent ? this.#transparent.canvas : canvas,
        isTransparent ? type : "",
        this.#box.checked,
        shown,
        this.#kept,
      );
    } catch (error) {
      this.#letTransparent(false);
      throw error;
    }
    say(words(isTransparent ? "camera.recording-transparent" : "camera.recording"));
    this.offered = isTransparent;
    this.#offerKey();
  }

  // Let frames come with their transparency, or on squares again; return whether the first of them has come.
  #letTransparent(/** @type {boolean} */ on) {
    this.frames = this.camera.link?.send({ alpha: on }) && on ? 0 : null;
    if (this.frames === null) return false;
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(this.#letTransparent(false)), FIRST_MS);
      this.onFirst = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  /**
   * Draw a frame on the camera's canvas.
   * @param {ImageBitmap} colors
   * @param {ImageBitmap?} alpha Its transparency, if it came with it.
   */
  draw(colors, alpha) {
    if (this.frames === null) this.camera.pen.drawImage(colors, 0, 0);
    else {
      this.#transparent.draw(colors, alpha);
      this.#transparent.show(this.camera.pen);
      if (alpha && !this.frames++) this.onFirst?.();
    }
    this.#recording.draw();
  }

  #prepare() {
    if (this.recording) this.#offerKey();
    else if (this.camera.link && this.camera.hasSquares) transparentType();
  }

  // Say once in a recording that it cannot be transparent.
  #offerKey() {
    if (!this.camera.hasSquares || this.offered) return;
    this.offered = true;
    offer(words("camera.squares"), words("camera.green"), () => this.camera.look.set({ background: KEY_COLOR }));
  }
}
