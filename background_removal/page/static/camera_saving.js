// Snapshots and recordings of a camera.

import { describe } from "./devices.js";
import { byId, download, el } from "./dom.js";
import { complain, offer, say } from "./messages.js";
import { Recording } from "./recording.js";
import { words } from "./words.js";

// Colour that a recording can have in place of transparency, to be keyed out elsewhere.
const KEY_COLOR = "#00b140";

export class CameraSaving {
  #recording;
  #box = el("input", { type: "checkbox", id: "camera-sound" });

  /**
   * @param {import("./camera.js").Camera} camera
   * @param {() => void} changed Called after a recording has begun or ended.
   */
  constructor(camera, changed) {
    this.camera = camera;
    this.changed = changed;
    this.#recording = new Recording(camera.canvas);
    this.sound = el("label", { class: "check" }, this.#box, words("camera.sound"));
    camera.look.addEventListener("change", () => this.recording && this.#offerKey());
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
    if (hasSquares && (stream || !frozen) && link.send({ snapshot: true })) return;
    canvas.toBlob((blob) => this.save(blob), "image/png");
  }

  /** Save a snapshot. */
  save(blob) {
    download(blob, `snapshot_${stamp()}.png`);
    say(words("camera.snapshot-saved"));
  }

  /** Begin a recording, or end and save it. */
  async record() {
    try {
      if (this.recording) {
        const blob = await this.#recording.end();
        download(blob, `recording_${stamp()}.${blob.type.includes("mp4") ? "mp4" : "webm"}`);
        say(words("camera.recording-saved"));
      } else if (!this.camera.canvas.hidden) {
        await this.#recording.begin(this.#box.checked, byId("camera-recording-time"));
        say(words("camera.recording"));
        this.offered = false;
        this.#offerKey();
      }
    } catch (error) {
      complain(describe(error));
    }
    this.changed();
  }

  // Say once in a recording that it cannot be transparent.
  #offerKey() {
    if (!this.camera.hasSquares || this.offered) return;
    this.offered = true;
    offer(words("camera.squares"), words("camera.green"), () => this.camera.look.set({ background: KEY_COLOR }));
  }
}

const stamp = () => new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().slice(0, 19).replace("T", "_").replaceAll(":", "-");
