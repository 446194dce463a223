// Choice of a result's format.

import { choice } from "./dom.js";
import { words } from "./words.js";

/**
 * Make a choice of formats; while the look is transparent, only of those that can be.
 * @param {Format[]} formats
 * @param {import("./look.js").Look} look
 * @returns {HTMLSelectElement}
 */
export function formatChoice(formats, look) {
  const select = choice(
    words("file.format"),
    formats.map(({ name, label }) => [name, label]),
    () => {},
  );
  const show = () => {
    const transparent = look.value.background === "transparent";
    formats.forEach((format, n) => (select.options[n].disabled = transparent && !format.transparent));
    if (select.selectedOptions[0]?.disabled) select.value = formats.find((format) => format.transparent)?.name ?? "";
  };
  look.addEventListener("change", show);
  show();
  return select;
}
