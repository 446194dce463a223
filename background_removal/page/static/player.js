// Player of a video's source and result, in sync.

import { keyOf } from "./actions.js";
import { Compare } from "./compare.js";
import { button, el } from "./dom.js";
import { say } from "./messages.js";
import { clock } from "./numbers.js";
import { Preview } from "./preview.js";
import { Slides } from "./slides.js";
import { words } from "./words.js";

// Tolerated offset, seconds: two frames of 25 a second; setting the time costs a decode.
const APART_S = 0.08;

export class Player {
  /** @type {any} The player of the result, or of the source without one: a <video>, or Slides. */
  lead = null;
  /** @type {any} That of the source beside a result. */
  follow = null;
  /** @type {Compare|null} */
  compare = null;
  /** @type {Preview|null} */
  preview = null;
  /** @type {HTMLElement|null} */
  shown = null;
  /** @type {[string, string|null, Video]} */
  opened;
  offset = 0;

  /**
   * @param {HTMLElement} stage Parent of the pictures.
   * @param {HTMLElement} transport Parent of play, time and sound.
   * @param {import("./look.js").Look} look
   */
  constructor(stage, transport, look) {
    this.look = look;
    this.stage = stage;
    this.transport = transport;
    this.beside = false;
    this.play = button(words("video.play"), keyOf("video", "play"), () => this.toggle(), { class: "play" });
    this.seek = el("input", {
      type: "range",
      min: 0,
      max: 1,
      step: 0.01,
      value: 0,
      "aria-label": words("video.seek"),
      oninput: () => this.#jump(),
    });
    this.time = el("span", { class: "time" });
    this.sound = el("input", {
      type: "checkbox",
      onchange: () => this.lead && (this.lead.muted = !this.sound.checked),
    });
    this.soundLabel = el("label", { class: "check" }, this.sound, words("video.sound"));
    transport.append(this.play, this.seek, this.time, this.soundLabel);
  }

  /** Show a source, and its result if there is one; `video` has their size and sound. */
  open(/** @type {string} */ source, /** @type {string|null} */ result, /** @type {Video} */ video) {
    this.close();
    this.opened = [source, result, video];
    /** @type {any} */
    const before = this.#make(source, "source", video);
    before.muted = true;
    this.follow = result ? before : null;
    this.offset = result ? (video.start ?? 0) : 0;
    this.lead = result ? this.#make(result, "result", video) : before;
    this.lead.muted = !this.sound.checked;
    this.soundLabel.hidden = !video.sound;
    if (result) {
      this.compare = new Compare(before.element ?? before, this.lead.element ?? this.lead);
      this.compare.fit(video.width, video.height);
      this.compare.seeThrough(video.look?.background === "transparent");
      this.compare.setBeside(this.beside);
      this.shown = this.compare.element;
    } else {
      this.preview = new Preview(before, video, this.look);
      this.shown = this.preview.compare.element;
    }
    for (const event of ["play", "pause", "ended", "timeupdate", "seeked", "loadedmetadata"]) {
      this.lead.addEventListener(event, () => this.#step());
    }
    this.stage.append(this.shown);
    this.transport.hidden = false;
    this.#step();
  }

  /** Close both. */
  close() {
    for (const video of [this.lead, this.follow]) {
      if (!video) continue;
      if (video instanceof Slides) {
        video.close();
        continue;
      }
      video.pause();
      video.removeAttribute("src");
      video.load();
    }
    this.shown?.remove();
    this.preview?.close();
    this.preview = null;
    this.lead = this.follow = this.compare = this.shown = null;
    this.transport.hidden = true;
  }

  toggle() {
    if (!this.lead) return;
    if (this.lead.paused) this.lead.play().catch(() => {});
    else this.lead.pause();
  }

  setBeside(/** @type {boolean} */ on) {
    this.beside = on;
    this.compare?.setBeside(on);
  }

  #jump() {
    if (!this.lead?.duration) return;
    this.lead.currentTime = Number(this.seek.value) * this.lead.duration;
    if (this.follow) this.follow.currentTime = this.sourceTime;
  }

  /** Where it is in the source, which may have been trimmed, in seconds. */
  get sourceTime() {
    return (this.lead?.currentTime ?? 0) + this.offset;
  }

  #step() {
    const { lead, follow } = this;
    if (!lead) return;
    const duration = lead.duration || 0;
    this.play.textContent = lead.paused ? words("video.play") : words("video.pause");
    if (duration) this.seek.value = String(lead.currentTime / duration);
    this.seek.setAttribute("aria-valuetext", clock(lead.currentTime));
    this.time.textContent = `${clock(lead.currentTime)} / ${clock(duration)}`;
    if (!follow?.duration) return;
    if (lead.paused !== follow.paused) lead.paused ? follow.pause() : follow.play().catch(() => {});
    if (Math.abs(follow.currentTime - this.sourceTime) > (lead.paused ? 0.001 : APART_S)) {
      follow.currentTime = this.sourceTime;
    }
  }

  // Make the player of a file: the browser's, or the server's pictures where that cannot decode the file's. It may have
  // no error then, if it can play the sound.
  #make(/** @type {string} */ address, /** @type {"source"|"result"} */ of, /** @type {Video} */ video) {
    const file = of === "result" ? `result.${video.format}` : of;
    const [id, label] = [`video-${of}`, words(`video.${of}-picture`)];
    if (video.undecoded?.has(file)) {
      const seconds = of === "result" ? lengthOf(video) : video.seconds;
      return new Slides({ ...video, seconds }, of, video.undecoded.get(file) ?? "", { id, alt: label });
    }
    const media = el("video", {
      src: address,
      id,
      "aria-label": label,
      playsinline: true,
      preload: "auto",
    });
    const replace = (/** @type {string} */ sound) => {
      if (![this.lead, this.follow].includes(media)) return;
      (video.undecoded ??= new Map()).set(file, sound);
      say(words(`video.undecoded-${of}`, { name: video.name }));
      this.open(...this.opened);
    };
    media.addEventListener("error", () => replace(""));
    media.addEventListener("loadedmetadata", () => media.videoWidth || replace(address));
    return media;
  }
}

// Return the length of a video's result, which may have been trimmed, in seconds.
const lengthOf = (/** @type {Video} */ { seconds, start, end }) => (end || seconds) - (start ?? 0);
