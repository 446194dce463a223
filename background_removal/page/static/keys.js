// Keys, as in the program's window, and their list.

import { actions, find } from "./actions.js";
import { byId, el } from "./dom.js";
import { say } from "./messages.js";
import { words } from "./words.js";

const STORED = "keys";
/** @type {Map<Action, () => void>} */
const bound = new Map();
let active = remembered() !== "off";

// The browser may deny access to its storage.
/** @param {string} [value] */
function remembered(value) {
  try {
    if (value) localStorage.setItem(STORED, value);
    return localStorage.getItem(STORED);
  } catch {
    return null;
  }
}

/**
 * Bind actions to functions.
 * @param {string} tab "camera", "photo", "video", or "" for all tabs.
 * @param {{[name: string]: () => void}} acts Functions by the names of the actions.
 */
export function bind(tab, acts) {
  for (const [name, act] of Object.entries(acts)) bound.set(find(tab, name), act);
}

/**
 * Return whether the focused element uses the key itself.
 * @param {string} key
 * @param {EventTarget|null} target
 */
function taken(key, target) {
  if (!(target instanceof Element)) return false;
  if (target.matches("select, textarea, input:not([type=range], [type=radio], [type=checkbox], [type=file])")) {
    return true;
  }
  const pressed = "button, a, input[type=checkbox], input[type=file], input[type=radio]:not(:checked)";
  return (key === " " || key === "Enter") && target.matches(pressed);
}

/**
 * Listen for keys.
 * @param {() => string} at Returns the open tab.
 */
export function listen(at) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || event.isComposing) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    if (/** @type {HTMLDialogElement} */ (byId("keys")).open || (!active && key !== "?") || taken(key, event.target)) {
      return;
    }
    const action = actions.find(
      ({ tab, keys, aliases }) => ["", at()].includes(tab) && [...keys, ...aliases].includes(key),
    );
    const act = action && bound.get(action);
    if (!act || (event.repeat && action.tab)) return;
    event.preventDefault();
    act();
  });
}

/** Show the list of keys. */
export function list() {
  const dialog = /** @type {HTMLDialogElement} */ (byId("keys"));
  const titles = [
    ["", words("keys.everywhere")],
    ...["camera", "photo", "video"].map((tab) => [tab, words(`tab.${tab}`)]),
  ];
  const groups = titles.map(([tab, title]) => {
    /** @type {Map<string, string[]>} */
    const keys = new Map(); // of each label, as actions with the same one share a row
    for (const action of actions) {
      if (action.tab === tab && bound.has(action)) {
        keys.set(action.label, [...(keys.get(action.label) ?? []), ...action.keys]);
      }
    }
    const terms = [...keys]
      .filter(([, each]) => each.length)
      .flatMap(([label, each]) => [
        el(
          "dt",
          {},
          ...each.flatMap((key, n) => [n ? " " : "", el("kbd", {}, key === " " ? words("key.space") : key)]),
        ),
        el("dd", {}, label),
      ]);
    return el("section", {}, el("h3", {}, title), el("dl", {}, ...terms));
  });
  const box = el("input", {
    type: "checkbox",
    onchange: () => {
      active = box.checked;
      remembered(active ? "on" : "off");
      say(active ? words("keys.on") : words("keys.off"));
    },
  });
  box.checked = active;
  dialog.replaceChildren(
    el(
      "header",
      {},
      el("h2", { id: "keys-title" }, words("keys.title")),
      el(
        "button",
        {
          class: "round",
          "aria-label": words("keys.close"),
          onclick: () => dialog.close(),
        },
        "×",
      ),
    ),
    el("div", { class: "groups" }, ...groups),
    el("label", { class: "check" }, box, words("keys.single")),
  );
  dialog.showModal();
}
