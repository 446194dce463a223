// Helpers that make DOM elements.

import { words } from "./words.js";

/**
 * Make an element. Attributes `on…` are listeners; true sets an attribute, false omits it, but those of `aria-…` become
 * "true" and "false".
 * @param {string} tag
 * @param {Object} [attributes]
 * @param {...(Node|string)} children
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

export const byId = (id) => document.getElementById(id);

/** Make a change; if it hides the focused element, focus the first of `next` that can be seen. */
export function keepFocus(change, next) {
  const held = document.activeElement;
  const usable = (each) => each.isConnected && !each.disabled && (each.checkVisibility?.() ?? true);
  change();
  if (held && held !== document.body && !usable(held)) next.find(usable)?.focus({ preventScroll: true });
}

/** Make a button with its key in the tooltip. */
export function button(label, key, act, attributes = {}) {
  const title = key ? `${attributes.title ?? label} (${key === " " ? words("key.space") : key})` : attributes.title;
  return el("button", { type: "button", onclick: act, "aria-keyshortcuts": key === " " ? "Space" : key, ...attributes, title }, label);
}

/** Show whether a button is pressed. */
export const press = (each, on) => each.setAttribute("aria-pressed", on);

/** Make a <select>; `choices` are [value, label]. */
export function choice(label, choices, act, attributes = {}) {
  const select = el("select", { onchange: () => act(select.value), ...attributes, "aria-label": label });
  select.append(...choices.map(([value, text]) => el("option", { value }, text)));
  return select;
}

/** Save a blob, or the file at an address, under a name. */
export function download(what, name) {
  const address = typeof what === "string" ? what : URL.createObjectURL(what);
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  if (typeof what !== "string") setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Return the name of a result: "photo.jpg" → "photo_out.png", as on the command line. */
export const resultName = (name, ending) => `${name.replace(/\.[^.]*$/, "")}_out.${ending}`;

/** Return a text with a capital first letter. */
export const titled = (text) => text[0].toLocaleUpperCase() + text.slice(1);
