// Helpers that make DOM elements.

import { words } from "./words.js";

/**
 * Make an element. Attributes `on…` are listeners; true sets an attribute, false omits it, but those of `aria-…` become
 * "true" and "false".
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {{[name: string]: any}} [attributes]
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name.startsWith("aria-") && value != null) element.setAttribute(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Return an element of the page, which is there.
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * Show a button as pressed or not.
 * @param {Element} element
 * @param {boolean} on
 */
export const press = (element, on) => element.setAttribute("aria-pressed", String(on));

/**
 * Show an element on the full screen, or end that.
 * @param {Element} element
 */
export const toggleFullScreen = (element) =>
  document.fullscreenElement ? document.exitFullscreen() : element.requestFullscreen();

/**
 * Make a change; if it hides the focused element, focus the first of `next` that can be seen.
 * @param {() => void} change
 * @param {HTMLElement[]} next
 */
export function keepFocus(change, next) {
  const held = document.activeElement;
  const usable = (/** @type {any} */ each) => each.isConnected && !each.disabled && (each.checkVisibility?.() ?? true);
  change();
  if (held && held !== document.body && !usable(held)) next.find(usable)?.focus({ preventScroll: true });
}

/**
 * Make a button with its key in the tooltip.
 * @param {string} label
 * @param {string} key
 * @param {() => void} act
 * @param {{[name: string]: any}} [attributes]
 */
export function button(label, key, act, attributes = {}) {
  const title = key ? `${attributes.title ?? label} (${key === " " ? words("key.space") : key})` : attributes.title;
  return el(
    "button",
    {
      type: "button",
      onclick: act,
      "aria-keyshortcuts": key === " " ? "Space" : key,
      ...attributes,
      title,
    },
    label,
  );
}

/**
 * Make a <select>; `choices` are [value, label].
 * @param {string} label
 * @param {string[][]} choices
 * @param {(value: string) => void} act
 * @param {{[name: string]: any}} [attributes]
 */
export function choice(label, choices, act, attributes = {}) {
  const select = el("select", {
    onchange: () => act(select.value),
    ...attributes,
    "aria-label": label,
  });
  select.append(...choices.map(([value, text]) => el("option", { value }, text)));
  return select;
}

/**
 * Save a blob, or the file at an address, under a name.
 * @param {Blob|string} what
 * @param {string} name
 */
export function download(what, name) {
  const address = typeof what === "string" ? what : URL.createObjectURL(what);
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (typeof what !== "string") setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * Return the name of a result: "photo.jpg" → "photo_out.png", as on the command line.
 * @param {string} name
 * @param {string} ending
 */
export const resultName = (name, ending) => `${name.replace(/\.[^.]*$/, "")}_out.${ending}`;

/**
 * Return a text with a capital first letter.
 * @param {string} text
 */
export const titled = (text) => text[0].toLocaleUpperCase() + text.slice(1);
