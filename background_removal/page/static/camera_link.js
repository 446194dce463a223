// Connection of a camera: sends frames to the server, at most two in flight, and takes the results.

import { complain } from "./messages.js";
import { words } from "./words.js";

// Frames in flight.
const IN_FLIGHT = 2;
const QUALITY = 0.85;
// Timeout of an unanswered frame, milliseconds; the server skips frames for newer ones.
const LOST_MS = 5000;
// First bytes of a PNG, which answers a request for a snapshot; frames are JPEG.
const PNG = 0x89504e47;
// First bytes of a frame with its transparency ("ALPH"): then come the size of its JPEG, that, and a PNG.
const ALPHA = 0x414c5048;

export class CameraLink {
  /**
   * Connect.
   * @param {HTMLVideoElement?} video The visitor's camera; null for this computer's.
   * @param {object} look The look at first.
   * @param {{draw: (picture: ImageBitmap, alpha: ImageBitmap?) => void, handle: (message: object) => void, lose: (why: string) => void,
   *   snapshot: (png: Blob) => void, pauses: () => boolean}} page Called with what comes; `pauses` returns whether no
   *   frames are wanted now.
   */
  constructor(video, look, page) {
    this.video = video;
    this.page = page;
    /** @type {Map<number, number>} */
    this.sent = new Map();
    /** @type {number[]} */
    this.times = [];
    /** @type {number[]} */
    this.delays = [];
    this.number = 0;
    this.said = "";
    const source = video ? "visitor" : "webcam";
    this.socket = new WebSocket(
      `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/camera?source=${source}`,
    );
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => {
      this.send({ look });
      if (video) this.#begin();
    };
    this.socket.onmessage = ({ data }) =>
      typeof data === "string" ? this.#handle(JSON.parse(data)) : this.#take(data);
    this.socket.onclose = () => this.closed || page.lose(this.said || words("error.connection"));
  }

  /** Whether messages can be sent. */
  get open() {
    return this.socket.readyState === WebSocket.OPEN;
  }

  /** Send a message, if the connection is open; return whether it is. */
  send(/** @type {any} */ message) {
    if (this.open) this.socket.send(JSON.stringify(message));
    return this.open;
  }

  close() {
    this.closed = true;
    this.socket.close();
    this.worker?.terminate();
  }

  /** Return the frames a second, and the median delay in milliseconds if frames are sent. */
  measure() {
    const now = performance.now();
    this.times = this.times.filter((at) => now - at < 3000);
    const rate =
      this.times.length > 1
        ? ((this.times.length - 1) * 1000) / (this.times[this.times.length - 1] - this.times[0])
        : 0;
    this.delays = this.delays.slice(-90);
    return {
      rate,
      delay: [...this.delays].sort((a, b) => a - b)[this.delays.length >> 1],
    };
  }

  // Frames are encoded by a worker, so that the page stays responsive.
  #begin() {
    const { video } = this;
    if (!video) return;
    const worker = (this.worker = new Worker("/static/encode.js", {
      type: "module",
    }));
    worker.onmessage = ({ data }) => this.open && this.socket.send(data);
    worker.onerror = (event) => complain(words("error.encoding", { reason: event.message }));
    const next = (/** @type {() => void} */ act) =>
      video.requestVideoFrameCallback ? video.requestVideoFrameCallback(act) : requestAnimationFrame(act);
    const take = async () => {
      if (this.closed) return;
      next(take);
      const now = performance.now();
      for (const [number, at] of this.sent) if (now - at > LOST_MS) this.sent.delete(number);
      if (
        this.page.pauses() ||
        this.sent.size >= IN_FLIGHT ||
        !this.open ||
        !video.videoWidth ||
        video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA
      )
        return;
      const number = (this.number = (this.number + 1) >>> 0);
      this.sent.set(number, now);
      // VideoFrame, where the browser has it, needs no copy.
      const picture = window.VideoFrame ? new VideoFrame(video) : await createImageBitmap(video);
      if (!this.closed) worker.postMessage({ number, picture, quality: QUALITY }, [picture]);
    };
    next(take);
  }

  async #take(/** @type {ArrayBuffer} */ data) {
    const head = new DataView(data);
    const [number, file] = [head.getUint32(0), new Uint8Array(data, 4)];
    if (head.getUint32(4) === PNG) return this.page.snapshot(new Blob([file], { type: "image/png" }));
    /** @type {[Uint8Array<ArrayBuffer>, string][]} */
    const parts = [[file, "image/jpeg"]];
    if (head.getUint32(4) === ALPHA) {
      const end = 8 + head.getUint32(8);
      parts.splice(0, 1, [file.subarray(8, end), "image/jpeg"], [file.subarray(end), "image/png"]);
    }
    const [picture, alpha] = await Promise.all(
      parts.map(([bytes, type]) => createImageBitmap(new Blob([bytes], { type }))),
    );
    if (this.closed) return picture.close();
    if (!this.video) this.send({ shown: number });
    const now = performance.now();
    const sent = this.sent.get(number);
    if (sent !== undefined) this.delays.push(now - sent);
    for (const each of [...this.sent.keys()]) if (each <= number) this.sent.delete(each);
    this.times.push(now);
    this.page.draw(picture, alpha);
    alpha?.close();
    return picture.close();
  }

  #handle(/** @type {any} */ message) {
    if (this.closed) return;
    if (message.error) this.said = message.error;
    this.page.handle(message);
  }
}
