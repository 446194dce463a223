// Keys: those of the program's window where they fit, listed by ?.

import { byId, el } from "./dom.js";
import { say } from "./messages.js";

const NAMES = { " ": "space" };
const STORED = "keys";
const rows = [];
let active = remembered() !== "off";

// What is stored in the browser may be denied to the page.
function remembered(value) {
  try {
    if (value) localStorage.setItem(STORED, value);
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/**
 * Add keys.
 * @param {string} where "camera", "photo", "video", or "" for everywhere.
 * @param {[string[], string, (key: string) => void][]} list Keys, what they do, and how.
 */
export function bind(where, list) {
  for (const [keys, means, act] of list) rows.push({ where, keys, means, act });
}

// Where letters are text, or the key already does something.
function taken(key, target) {
  if (!(target instanceof Element)) return false;
  if (target.matches("select, textarea, input:not([type=range], [type=radio], [type=checkbox], [type=file])")) return true;
  const pressed = "button, a, input[type=checkbox], input[type=file], input[type=radio]:not(:checked)";
  return (key === " " || key === "Enter") && target.matches(pressed);
}

/** Begin to listen; `at` tells which tab is open. */
export function listen(at) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (byId("keys").open || (!active && key !== "?") || taken(key, event.target)) return;
    const row = rows.find((each) => each.keys.includes(key) && ["", at()].includes(each.where));
    if (!row || (event.repeat && row.where)) return;
    event.preventDefault();
    row.act(key);
  });
}

/** Show the list. */
export function list() {
  const dialog = byId("keys");
  const titles = [["", "Everywhere"], ["camera", "Camera"], ["photo", "Photo"], ["video", "Video"]];
  const groups = titles.map(([where, title]) => {
    const terms = rows.filter((row) => row.where === where).flatMap((row) => [
      el("dt", {}, ...row.keys.filter((key) => key !== "=").flatMap((key, n) => [n ? " " : "", el("kbd", {}, NAMES[key] ?? key)])), el("dd", {}, row.means),
    ]);
    return el("section", {}, el("h3", {}, title), el("dl", {}, ...terms));
  });
  const box = el("input", { type: "checkbox", onchange: () => {
    active = box.checked;
    remembered(active ? "on" : "off");
    say(active ? "keys on" : "keys off; ? still lists them");
  } });
  box.checked = active;
  dialog.replaceChildren(
    el("header", {}, el("h2", { id: "keys-title" }, "Keys"), el("button", { class: "round", "aria-label": "Close", onclick: () => dialog.close() }, "×")),
    el("div", { class: "groups" }, ...groups),
    el("label", { class: "check" }, box, "Single keys do these things"),
  );
  dialog.showModal();
}
