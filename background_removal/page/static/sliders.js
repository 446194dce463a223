// Sliders of the panel.

import { el } from "./dom.js";
import { number, percent } from "./numbers.js";
import { words } from "./words.js";

/**
 * @param {string} name Of its words.
 * @param {string[]} names
 * @param {{min: number, max: number, step: number}} range
 * @param {(value: number) => string} format
 * @param {(value: number) => void} change
 * @param {(look: LookValue) => number} read
 * @returns {import("./controls.js").Control}
 */
function slider(name, names, range, format, change, read) {
  const output = el("output", { for: `slider-${name}` });
  const input = el("input", {
    type: "range",
    id: `slider-${name}`,
    title: words(`setting.${name}.hint`),
    ...range,
    oninput: () => change(Number(input.value)),
  });
  const element = el(
    "div",
    { class: "slider", "data-setting": names.join(" ") },
    el("label", { for: `slider-${name}` }, words(`setting.${name}.title`)),
    output,
    input,
    el("span", { class: "low" }, words(`setting.${name}.low`)),
    el("span", { class: "high" }, words(`setting.${name}.high`)),
  );
  const show = (/** @type {LookValue} */ look) => {
    const value = read(look);
    input.value = String(value);
    output.value = format(value);
  };
  return { names, element, show };
}

/**
 * @param {Setting} setting
 * @param {import("./look.js").Look} look
 */
export function shareSlider({ name, limits, step }, look) {
  const [min, max] = limits ?? [0, 1];
  return slider(
    name,
    [name],
    { min, max, step: step ?? 0.01 },
    (value) => number(value, 2),
    (value) => look.set({ [name]: value }),
    (now) => Number(now[name]),
  );
}

/**
 * One for the two directions of an edge, in percent of the head's height.
 * @param {Setting} outwards
 * @param {Setting} inwards
 * @param {import("./look.js").Look} look
 */
export function shiftSlider(outwards, inwards, look) {
  const range = {
    min: -(inwards.limits?.[1] ?? 0),
    max: outwards.limits?.[1] ?? 0,
    step: outwards.step ?? 1,
  };
  const text = (/** @type {number} */ value) => (value > 0 ? `${value}%` : "0");
  const amount = (/** @type {string|number} */ value) => parseFloat(String(value));
  return slider(
    "edge_shift",
    [outwards.name, inwards.name],
    range,
    (value) => percent(value / 100),
    (value) => look.set({ [outwards.name]: text(value), [inwards.name]: text(-value) }),
    (now) => amount(now[outwards.name]) - amount(now[inwards.name]),
  );
}
