// Actions of the page, as the server lists them: names, keys, labels, arguments.

import { ask } from "./api.js";

/** @type {{tab: string, name: string, keys: string[], aliases: string[], label: string, choices: string[], limits: number[]?}[]} */
export const actions = [];

/** Fetch the list. */
export async function loadActions() {
  actions.push(...(await ask("/api/actions")).actions);
}

/** Return an action of a tab, "" for those of all tabs. */
export const find = (tab, name) => actions.find((action) => action.tab === tab && action.name === name);

/** Return the first key of an action. */
export const keyOf = (tab, name) => find(tab, name)?.keys[0] ?? "";
