// Progress in the title of the browser's tab, for those who look at another tab meanwhile.

import { percent } from "./numbers.js";

const plain = document.title;
const shown = new Map();

/**
 * Show how far something is, before its name, until it has ended.
 * @param {string} kind Of what goes on; of several kinds the last that began is shown.
 * @param {number?} share 0 to 1; null when it has ended.
 * @param {string} [name] Of the file.
 */
export function showInTitle(kind, share, name = "") {
  if (share == null) shown.delete(kind);
  else shown.set(kind, `${percent(Math.floor(share * 100) / 100)} - ${name}`);
  const title = [...shown.values()].at(-1) ?? plain;
  if (document.title !== title) document.title = title;
}
