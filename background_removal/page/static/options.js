// Options of the page, as the server lists them: settings of the look with their values, formats, shapes.

import { ask } from "./api.js";

/** @type {Options} */
export const options = {
  settings: [],
  picture_formats: [],
  video_formats: [],
  crops: [],
};

/** Fetch them. */
export async function loadOptions() {
  Object.assign(options, await ask("/api/options"));
}

/**
 * Return a setting of the look.
 * @param {string} name
 * @returns {Setting}
 */
export function setting(name) {
  const found = options.settings.find((each) => each.name === name);
  if (!found) throw new Error(name);
  return found;
}
