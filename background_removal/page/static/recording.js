// Recording of pictures, by the browser.

import { clock } from "./numbers.js";

const TYPES = [
  "video/mp4;codecs=avc1.640028,mp4a.40.2",
  "video/mp4;codecs=avc1.640028,opus",
  "video/webm;codecs=vp9,opus",
  "video/webm;codecs=vp8,opus",
  "video/webm",
];
// Bit rate, bits a second; good quality for 1280×720 at 30 frames a second.
const BITS = 6_000_000;
const PIECE_MS = 1000;

export class Recording {
  /** @type {HTMLCanvasElement} */
  #source;
  /** @type {CanvasRenderingContext2D} */
  #pen;
  /** @type {MediaRecorder} */
  #recorder;
  /** @type {ReturnType<import("./kept_recordings.js").KeptRecordings["begin"]>} */
  #kept;
  /** @type {Promise<Blob>} */
  #ended;
  running = false;

  /**
   * Start recording.
   * @param {HTMLCanvasElement} source The canvas to record; the recording keeps the size that it has now.
   * @param {string} type The media type of a transparent recording, "" for an opaque one in the first that the browser has.
   * @param {boolean} sound Whether the microphone is recorded too.
   * @param {HTMLElement} shown Element that shows the duration.
   * @param {import("./kept_recordings.js").KeptRecordings} store Keeps the pieces until the recording is saved.
   */
  async begin(source, type, sound, shown, store) {
    const voice = sound ? await navigator.mediaDevices.getUserMedia({ audio: true }) : null;
    this.#source = source;
    this.#pen = /** @type {CanvasRenderingContext2D} */ (
      document.createElement("canvas").getContext("2d", { alpha: Boolean(type) })
    );
    const { canvas } = this.#pen;
    [canvas.width, canvas.height] = [source.width, source.height];
    const stream = canvas.captureStream();
    voice?.getTracks().forEach((track) => stream.addTrack(track));
    const mimeType = type || TYPES.find((each) => MediaRecorder.isTypeSupported(each));
    // Chromium writes an MP4 from keyframe to keyframe: with one a second, a crash loses a second.
    /** @type {any} */
    const wanted = {
      mimeType,
      videoBitsPerSecond: BITS,
      videoKeyFrameIntervalDuration: PIECE_MS,
    };
    const recorder = new MediaRecorder(stream, wanted);
    /** @type {Blob[]} */
    const pieces = [];
    recorder.ondataavailable = ({ data }) => {
      if (!data.size) return;
      pieces.push(data);
      this.#kept.then(({ add }) => add(data));
    };
    this.#ended = new Promise((resolve, reject) => {
      recorder.onstop = () => resolve(new Blob(pieces, { type: recorder.mimeType }));
      recorder.onerror = (event) => reject(/** @type {any} */ (event).error);
    }).finally(() => stream.getTracks().forEach((/** @type {MediaStreamTrack} */ track) => track.stop()));
    this.#ended.catch(() => {}); // reported by end()
    recorder.start(PIECE_MS);
    this.#kept = store.begin(recorder.mimeType);
    this.#recorder = recorder;
    this.running = true;
    this.draw();
    const began = performance.now();
    shown.textContent = clock(0);
    this.ticking = setInterval(() => (shown.textContent = clock((performance.now() - began) / 1000)), 1000);
  }

  /** Record what the canvas shows. Another size, as after a phone was turned, is fitted in: few players show two sizes. */
  draw() {
    if (!this.running) return;
    const { width, height } = this.#pen.canvas;
    const scale = Math.min(width / this.#source.width, height / this.#source.height);
    const [across, down] = [this.#source.width * scale, this.#source.height * scale];
    this.#pen.clearRect(0, 0, width, height);
    this.#pen.drawImage(this.#source, (width - across) / 2, (height - down) / 2, across, down);
  }

  /**
   * End, and save the recording.
   * @param {(recording: Blob) => void} save
   */
  async end(save) {
    this.running = false;
    clearInterval(this.ticking);
    if (this.#recorder.state !== "inactive") this.#recorder.stop();
    const kept = await this.#kept;
    try {
      save(await this.#ended);
    } catch (error) {
      kept.end(false);
      throw error;
    }
    await kept.end(true);
  }
}
