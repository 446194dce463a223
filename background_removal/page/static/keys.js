// Keys, as in the program's window, and their list.

import { byId, el } from "./dom.js";
import { say } from "./messages.js";

const NAMES = { " ": "space" };
const STORED = "keys";
const rows = [];
let active = remembered() !== "off";

// The browser may deny access to its storage.
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
 * @param {[string[], string, (key: string) => void][]} list Keys, their meaning, and the action.
 */
export function bind(where, list) {
  for (const [keys, means, act] of list) rows.push({ where, keys, means, act });
}

// Return whether the focused element uses the key itself.
function taken(key, target) {
  if (!(target instanceof Element)) return false;
  if (target.matches("select, textarea, input:not([type=range], [type=radio], [type=checkbox], [type=file])")) return true;
  const pressed = "button, a, input[type=checkbox], input[type=file], input[type=radio]:not(:checked)";
  return (key === " " || key === "Enter") && target.matches(pressed);
}

/** Listen for keys; `at` returns the open tab. */
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

/** Show the list of keys. */
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
