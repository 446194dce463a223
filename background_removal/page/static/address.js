// The tab in the address, without the token, which a cookie holds.

/** Name of the tab that the address asks for, "" for none. */
export const wantedTab = location.hash.replace(/^#(tab=)?/, "");

/**
 * Put a tab's name into the address; not as the id of an element, from which the Tab key would go on after a reload.
 * @param {string} name
 */
export function keepTab(name) {
  history.replaceState(null, "", `${location.pathname}#tab=${name}`);
}

if (wantedTab) keepTab(wantedTab); // before the page waits for its words
