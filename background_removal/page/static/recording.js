// Recording of the canvas, by the browser.

import { clock } from "./numbers.js";

const TYPES = [
  "video/mp4;codecs=avc1.640028,mp4a.40.2", "video/mp4;codecs=avc1.640028,opus",
  "video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus", "video/webm",
];
// Bit rate, bits a second; good quality for 1280×720 at 30 frames a second.
const BITS = 6_000_000;
const PIECE_MS = 1000;

export class Recording {
  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.running = false;
  }

  /**
   * Start recording.
   * @param {boolean} sound Whether the microphone is recorded too.
   * @param {HTMLElement} shown Element that shows the duration.
   */
  async begin(sound, shown) {
    const voice = sound ? await navigator.mediaDevices.getUserMedia({ audio: true }) : null;
    const stream = this.canvas.captureStream();
    voice?.getTracks().forEach((track) => stream.addTrack(track));
    const mimeType = TYPES.find((type) => MediaRecorder.isTypeSupported(type));
    const recorder = new MediaRecorder(stream, { mimeType, videoBitsPerSecond: BITS });
    const pieces = [];
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    this.ended = new Promise((resolve, reject) => {
      recorder.onstop = () => resolve(new Blob(pieces, { type: recorder.mimeType }));
      recorder.onerror = ({ error }) => reject(error);
    }).finally(() => stream.getTracks().forEach((track) => track.stop()));
    this.ended.catch(() => {}); // reported by end()
    recorder.start(PIECE_MS);
    this.recorder = recorder;
    this.running = true;
    const began = performance.now();
    shown.textContent = clock(0);
    this.ticking = setInterval(() => (shown.textContent = clock((performance.now() - began) / 1000)), 1000);
  }

  /** End, and return the recording. */
  async end() {
    this.running = false;
    clearInterval(this.ticking);
    if (this.recorder.state !== "inactive") this.recorder.stop();
    return this.ended;
  }
}
