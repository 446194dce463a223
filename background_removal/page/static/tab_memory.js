// Memory of this browser tab, which a reload does not clear; the browser may deny it.

/**
 * Keep a text under a key.
 * @param {string} key
 * @param {string} text
 */
export function remember(key, text) {
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // Only a reload is less comfortable then.
  }
}

/**
 * Return the text under a key, null if there is none.
 * @param {string} key
 */
export function recall(key) {
  try {
    return sessionStorage.getItem(key);
  } catch {
    return null;
  }
}
