// Files that are dropped, pasted or chosen: photos and videos.

import { byId, el } from "./dom.js";
import { complain } from "./messages.js";
import { size } from "./numbers.js";
import { words } from "./words.js";

const PHOTO = /\.(jpe?g|png|webp|avif|bmp|tiff?|hei[cf])$/i;
const VIDEO = /\.(mp4|m4v|mov|mkv|webm|avi|mpe?g|ts|mts|3gp|wmv|flv|ogv|gif|apng)$/i;

/**
 * Resolve to "photo", "video" or "" for a file; animated pictures are videos. The server checks the content.
 * @param {File} file
 */
export async function kindOfFile(file) {
  if (file.type === "image/gif" || file.type.startsWith("video/") || VIDEO.test(file.name)) return "video";
  if (!file.type.startsWith("image/") && !PHOTO.test(file.name)) return "";
  return (await isAnimated(file)) ? "video" : "photo";
}

// By the marks of WebP (a flag of its VP8X chunk), PNG (the chunk acTL) and AVIF (the brand avis).
async function isAnimated(/** @type {File} */ file) {
  const head = new Uint8Array(
    await file
      .slice(0, 1 << 16)
      .arrayBuffer()
      .catch(() => new ArrayBuffer(0)),
  );
  const text = new TextDecoder("latin1").decode(head);
  if (text.startsWith("RIFF")) return text.startsWith("WEBPVP8X", 8) && (head[20] & 2) !== 0;
  if (text.startsWith("PNG", 1)) return text.split("IDAT")[0].includes("acTL");
  return text.startsWith("ftyp", 4) && text.slice(8, 64).includes("avis");
}

/**
 * Return the files that may be sent, and say which are too large.
 * @param {File[]} files
 * @param {number} bytes
 * @param {"photos"|"videos"|"backgrounds"} noun
 */
export function withinLimit(files, bytes, noun) {
  const large = files.filter((file) => file.size > bytes).map(({ name }) => name);
  if (large.length) {
    complain(
      words(`file.too-large.${noun}`, {
        names: large.join(", "),
        size: size(bytes),
      }),
    );
  }
  return files.filter((file) => file.size <= bytes);
}

/**
 * Open a file dialog.
 * @param {string} accept As in <input type=file>.
 * @param {boolean} multiple
 * @param {(files: File[]) => void} use
 */
export function choose(accept, multiple, use) {
  const input = el("input", {
    type: "file",
    accept,
    multiple,
    class: "away",
    "aria-hidden": "true",
    tabindex: "-1",
    id: "chosen",
  });
  document.getElementById("chosen")?.remove();
  document.body.append(input);
  input.addEventListener("change", () => {
    use([...(input.files ?? [])]);
    input.remove();
  });
  input.click();
}

const elementOf = (/** @type {Event} */ event) => (event.target instanceof Element ? event.target : document.body);

/**
 * Call `use(files, target)` for files dropped on an element or pasted. Of a picture dragged from another page these are
 * its bytes, if the browser gives them; its address is never fetched.
 * @param {(files: File[], target: Element) => void} use
 */
export function receive(use) {
  const veil = byId("veil");
  let own = false; // dragged on this page
  const carriesFiles = (/** @type {DragEvent} */ event) =>
    !own && ["Files", "text/uri-list"].some((type) => event.dataTransfer?.types.includes(type));
  let depth = 0;
  document.addEventListener("dragstart", () => {
    own = true;
  });
  document.addEventListener("dragend", () => {
    own = false;
  });
  document.addEventListener("dragenter", (event) => {
    if (!carriesFiles(event)) return;
    depth += 1;
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!carriesFiles(event)) return;
    depth = Math.max(0, depth - 1);
    veil.hidden = depth === 0;
  });
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    veil.textContent = elementOf(event).closest("#backgrounds") ? words("file.drop-background") : words("file.drop");
  });
  document.addEventListener("drop", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil.hidden = true;
    const files = [...(event.dataTransfer?.files ?? [])];
    if (files.length) use(files, elementOf(event));
    else complain(words("file.address"));
  });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) use(files, elementOf(event));
  });
}
