// Radio buttons.

import { el } from "./dom.js";

/**
 * Make radio buttons that look like one divided button; `choices` are [value, label].
 * @param {string} label
 * @param {string} name
 * @param {string[][]} choices
 * @param {(value: string) => void} act
 */
export function segmented(label, name, choices, act) {
  return el("div", { class: "segmented", role: "radiogroup", "aria-label": label }, ...radios(name, choices, act));
}

/**
 * Make radio buttons of that name; `act` is called with the value of the chosen one.
 * @param {string} name
 * @param {string[][]} choices
 * @param {(value: string) => void} act
 */
export function radios(name, choices, act) {
  return choices.map(([value, text]) =>
    el("label", {}, el("input", { type: "radio", name, value, onchange: () => act(value) }), el("span", {}, text)),
  );
}

/**
 * Choose the radio button with a value.
 * @param {HTMLElement} group
 * @param {string} value
 */
export function check(group, value) {
  for (const radio of group.querySelectorAll("input")) radio.checked = radio.value === value;
}
