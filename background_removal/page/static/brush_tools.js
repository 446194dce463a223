// Tools of the brush: what its strokes do, undo, zoom, size.

import { keyOf } from "./actions.js";
import { button, el } from "./dom.js";
import { words } from "./words.js";

// Width of the brush, percent of the photo's longer side: first, smallest and largest.
const [FIRST, SMALLEST, LARGEST] = [2, 0.3, 10];
// Factor of the zoom of one press.
const ZOOM = 1.5;

/**
 * Make them.
 * @param {import("./brush.js").Brush} brush
 */
export function makeTools(brush) {
  const mode = (/** @type {string} */ label, /** @type {boolean} */ erases, /** @type {string} */ title) =>
    button(label, "", () => brush.setMode(erases), { "aria-pressed": "false", title });
  const zoom = (/** @type {string} */ sign, /** @type {string} */ key, /** @type {number} */ factor) =>
    button(sign, "", () => brush.zoom(factor), {
      "aria-label": words(key),
      title: `${words(key)} (${words("key.wheel")})`,
    });
  const keep = mode(words("brush.keep"), false, words("brush.keep-hint"));
  const erase = mode(words("brush.erase"), true, words("brush.erase-hint"));
  const undo = button(words("brush.undo"), keyOf("photo", "undo"), () => brush.undo());
  const redo = button(words("brush.redo"), keyOf("photo", "redo"), () => brush.redo());
  const size = el("input", {
    type: "range",
    id: "brush-size",
    min: SMALLEST,
    max: LARGEST,
    step: 0.1,
    value: FIRST,
    oninput: () => brush.showSize(),
  });
  const element = el(
    "div",
    { class: "tools brush-tools", role: "group", "aria-label": words("brush.brush"), hidden: true },
    el("span", { class: "joined" }, keep, erase),
    el("label", { class: "brush-size", for: "brush-size" }, words("brush.size"), size),
    undo,
    redo,
    zoom("−", "brush.zoom-out", 1 / ZOOM),
    zoom("+", "brush.zoom-in", ZOOM),
    el("span", { class: "hint" }, words("brush.move-hint")),
  );
  return { buttons: { keep, erase, undo, redo }, size, element };
}
