// Actions of the page, as the server lists them: names, keys, arguments; their labels are words of the page.

import { ask } from "./api.js";
import { words } from "./words.js";

/** @type {Action[]} */
export const actions = [];

/** Fetch the list. */
export async function loadActions() {
  /** @type {{actions: Action[]}} */
  const { actions: served } = await ask("/api/actions");
  actions.push(
    ...served.map((action) => ({
      ...action,
      label: words(`action.${action.tab || "page"}.${action.name}`),
    })),
  );
}

/** Return an action of a tab, "" for those of all tabs. */
export const find = (/** @type {string} */ tab, /** @type {string} */ name) =>
  /** @type {Action} */ (actions.find((action) => action.tab === tab && action.name === name));

/** Return the first key of an action. */
export const keyOf = (/** @type {string} */ tab, /** @type {string} */ name) => find(tab, name)?.keys[0] ?? "";
