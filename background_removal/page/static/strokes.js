// Strokes: lines over a photo, in shares of its width and height.

import { ask } from "./api.js";

/**
 * Draw strokes on a cleared canvas.
 * @param {CanvasRenderingContext2D|OffscreenCanvasRenderingContext2D} pen
 * @param {{erases: boolean, width: number, points: number[][]}[]} strokes `width` is a share of the longer side.
 * @param {string[]} colors Of strokes that keep, and of those that erase.
 */
export function drawStrokes(pen, strokes, colors) {
  const { width, height } = pen.canvas;
  pen.clearRect(0, 0, width, height);
  pen.lineCap = pen.lineJoin = "round";
  for (const { erases, width: share, points } of strokes) {
    pen.strokeStyle = colors[Number(erases)];
    pen.lineWidth = Math.max(2, share * Math.max(width, height));
    pen.beginPath();
    pen.moveTo(points[0][0] * width, points[0][1] * height);
    for (const [x, y] of points.length > 1 ? points : [points[0]]) pen.lineTo(x * width, y * height);
    pen.stroke();
  }
}

/** Send a photo's last strokes, unless the server has them; only the last of several pictures is sent. */
export async function sendStrokes(/** @type {Photo} */ photo) {
  while (photo.hints) {
    const { picture } = photo.hints;
    photo.hints = null;
    await ask(`/api/photos/${photo.id}/hints`, picture ? { body: picture } : { method: "DELETE" });
  }
}

/** Return strokes as the server takes them: a PNG, white keeps, black erases, the rest is transparent. */
export function strokesPicture(
  /** @type {Stroke[]} */ strokes,
  /** @type {number} */ width,
  /** @type {number} */ height,
) {
  const canvas = new OffscreenCanvas(width, height);
  drawStrokes(/** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d")), strokes, ["#fff", "#000"]);
  return canvas.convertToBlob({ type: "image/png" });
}
