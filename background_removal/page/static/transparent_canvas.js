// Frames with their transparency: drawn on a canvas of their own to be recorded, and on squares to be seen.

// Types that may hold transparency; Chromium's do.
const TYPES = ["video/webm;codecs=vp9,opus", "video/webm;codecs=vp8,opus"];
// The squares, as the server draws them: side in pixels, and greys.
const SQUARE = 16;
const GREYS = ["rgb(102 102 102)", "rgb(153 153 153)"];
const PROBE_SIDE = 64;
const PROBE_MS = 40;
// Pictures drawn for it, at least and, until the browser has recorded one, at most.
const PROBE_PICTURES = [3, 50];
// Timeout of the trial, milliseconds; some browsers load no video before it is played.
const TRIAL_MS = 10_000;
const wait = (/** @type {number} */ duration) => new Promise((resolve) => setTimeout(resolve, duration));
/** @type {Promise<string>|null} */
let known = null;

export class TransparentCanvas {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.pen = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    const squares = new OffscreenCanvas(2 * SQUARE, 2 * SQUARE);
    const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (squares.getContext("2d"));
    [0, 1, 2, 3].forEach((n) => {
      pen.fillStyle = GREYS[((n >> 1) + n) % 2];
      pen.fillRect((n % 2) * SQUARE, (n >> 1) * SQUARE, SQUARE, SQUARE);
    });
    this.squares = squares;
  }

  /** Draw a frame: its colours, and a picture with its transparency; null where it has none. */
  draw(/** @type {ImageBitmap} */ colors, /** @type {ImageBitmap|null} */ alpha) {
    const { canvas, pen } = this;
    if (canvas.width !== colors.width || canvas.height !== colors.height) {
      [canvas.width, canvas.height] = [colors.width, colors.height];
    }
    pen.globalCompositeOperation = "copy";
    pen.drawImage(colors, 0, 0);
    pen.globalCompositeOperation = "destination-in";
    if (alpha) pen.drawImage(alpha, 0, 0);
  }

  /** Show the frame on squares. */
  show(/** @type {CanvasRenderingContext2D} */ pen) {
    pen.fillStyle = /** @type {CanvasPattern} */ (pen.createPattern(this.squares, "repeat"));
    pen.fillRect(0, 0, this.canvas.width, this.canvas.height);
    pen.drawImage(this.canvas, 0, 0);
  }
}

/** Return the media type in which this browser records transparency, "" if in none: a short recording is looked at. */
export function transparentType() {
  known ??= Promise.race([find().catch(() => ""), wait(TRIAL_MS).then(() => "")]);
  return known;
}

async function find() {
  for (const type of TYPES) if (MediaRecorder.isTypeSupported(type) && (await keepsAlpha(type))) return type;
  return "";
}

async function keepsAlpha(/** @type {string} */ mimeType) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [PROBE_SIDE, PROBE_SIDE];
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d", { willReadFrequently: true }));
  const recorder = new MediaRecorder(canvas.captureStream(), { mimeType });
  /** @type {Blob[]} */
  const pieces = [];
  const recorded = new Promise((resolve, reject) => {
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    recorder.onstop = () => resolve(new Blob(pieces, { type: mimeType }));
    recorder.onerror = (event) => reject(/** @type {any} */ (event).error);
  });
  recorder.start(PROBE_MS);
  // The left half stays transparent.
  for (let n = 0; n < PROBE_PICTURES[pieces.length ? 0 : 1]; n++) {
    pen.fillStyle = `rgb(${200 + n} 40 10)`;
    pen.fillRect(PROBE_SIDE / 2, 0, PROBE_SIDE / 2, PROBE_SIDE);
    await wait(PROBE_MS);
  }
  recorder.stop();
  const video = Object.assign(document.createElement("video"), {
    muted: true,
    src: URL.createObjectURL(await recorded),
  });
  try {
    await new Promise((resolve, reject) => Object.assign(video, { onloadeddata: resolve, onerror: reject }));
    pen.globalCompositeOperation = "copy";
    pen.drawImage(video, 0, 0);
    const alpha = (/** @type {number} */ x) => pen.getImageData(x, PROBE_SIDE / 2, 1, 1).data[3];
    return alpha(8) < 16 && alpha(PROBE_SIDE - 8) > 240;
  } finally {
    URL.revokeObjectURL(video.src);
  }
}
