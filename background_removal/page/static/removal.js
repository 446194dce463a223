// Removal with time to undo it.

import { ask } from "./api.js";
import { complain, offer } from "./messages.js";
import { words } from "./words.js";

/**
 * Offer to undo a removal from the page; remove the file from the server when its time is over.
 * @param {string} name Of the file.
 * @param {string} path Its address.
 * @param {() => void} restore Called to undo.
 * @param {() => void} [end] Called otherwise.
 */
export function remove(name, path, restore, end = () => {}) {
  offer(words("page.removed", { name }), words("page.undo"), restore, () => {
    // On a page that is left, too.
    ask(path, { method: "DELETE", keepalive: true }).catch(complain);
    end();
  });
}
