// Messages, shown for some seconds and read by screen readers.

import { byId } from "./dom.js";

const timers = new Map();

function show(element, text, seconds) {
  clearTimeout(timers.get(element));
  element.textContent = text;
  element.classList.toggle("shown", Boolean(text));
  if (text) timers.set(element, setTimeout(() => show(element, "", 0), seconds * 1000));
}

/** Show a message. */
export const say = (text) => show(byId("said"), text, 2 + text.length / 20);

/** Show an error, for longer. */
export function complain(error) {
  if (error?.name === "AbortError") return;
  const text = typeof error === "string" ? error : error.message;
  show(byId("trouble"), text, 6 + text.length / 12);
  if (typeof error !== "string" && error.name !== "Refused") console.error(error);
}

byId("trouble").addEventListener("click", () => show(byId("trouble"), "", 0));
