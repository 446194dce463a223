// Messages, shown for some seconds over the stage, and read by screen readers.

import { byId, el } from "./dom.js";

// Time for which a message with a button is shown, seconds; WCAG 2.2.1 leaves undoing to the page.
const OFFER_S = 10;
/** @type {Map<Element, ReturnType<typeof setTimeout>>} */
const timers = new Map();
let withdraw = () => {};

/**
 * @param {HTMLElement} element
 * @param {number} seconds
 * @param {...(Node|string)} content
 */
function show(element, seconds, ...content) {
  clearTimeout(timers.get(element));
  element.replaceChildren(...content);
  element.classList.toggle("shown", content.length > 0);
  if (content.length) {
    timers.set(
      element,
      setTimeout(() => show(element, 0), seconds * 1000),
    );
  }
}

/** Show a message. */
export const say = (/** @type {string} */ text) => show(byId("said"), 2 + text.length / 20, text);

/**
 * Show an error, for longer.
 * @param {any} error
 */
export function complain(error) {
  if (error?.name === "AbortError") return;
  const text = typeof error === "string" ? error : error.message;
  show(byId("trouble"), 6 + text.length / 12, text);
  if (typeof error !== "string" && error.name !== "Refused") console.error(error);
}

/**
 * Show a message with a button.
 * @param {string} text
 * @param {string} label The button's.
 * @param {() => void} act Called if the button is pressed.
 * @param {() => void} [end] Called otherwise, when the time is over, another offer comes, or the page is left.
 */
export function offer(text, label, act, end = () => {}) {
  withdraw();
  const element = byId("offer");
  const close = (/** @type {() => void} */ use) => {
    clearTimeout(timer);
    withdraw = () => {};
    show(element, 0);
    use();
  };
  // It stays while the pointer or the focus is on it.
  const expire = () => {
    if (element.matches(":hover, :focus-within")) timer = setTimeout(expire, 1000);
    else close(end);
  };
  let timer = setTimeout(expire, OFFER_S * 1000);
  withdraw = () => close(end);
  show(element, 1e6, text, el("button", { type: "button", onclick: () => close(act) }, label));
}

/**
 * Show the messages over the stage of a tab, where they cover no button; in full screen as well.
 * @param {string} tab
 */
export function moveMessages(tab) {
  byId(`${tab}-stage`).append(byId("messages"));
}

byId("trouble").addEventListener("click", () => show(byId("trouble"), 0));
addEventListener("pagehide", () => withdraw());
