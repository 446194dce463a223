// Helpers that make DOM elements.

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
  const title = key ? `${attributes.title ?? label} (${key === " " ? "space" : key})` : attributes.title;
  return el("button", { type: "button", onclick: act, "aria-keyshortcuts": key === " " ? "Space" : key, ...attributes, title }, label);
}

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
export const titled = (text) => text[0].toUpperCase() + text.slice(1);

/** Format seconds as 0:07 or 1:02:03. */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

/** Format a number of bytes. */
export function size(bytes) {
  const unit = bytes >= 2 ** 30 ? [2 ** 30, "GB"] : bytes >= 2 ** 20 ? [2 ** 20, "MB"] : [2 ** 10, "KB"];
  const amount = bytes / unit[0];
  return `${amount >= 10 ? Math.round(amount) : amount.toFixed(1).replace(/\.0$/, "")} ${unit[1]}`;
}
