// Recordings that are not saved yet, in the browser's own storage: neither a closed tab nor a crash loses one.

/** Bytes kept, of all recordings together; 45 minutes at the rate of `recording.js`. */
export const MAX_BYTES = 2 ** 31;

/**
 * @param {IDBRequest} request
 * @returns {Promise<any>}
 */
const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** @type {Promise<IDBDatabase>} */
let opened;

// Return the database; rejects if the browser keeps nothing, in some private windows for instance.
function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("recordings", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("recordings", { keyPath: "id" });
      request.result.createObjectStore("pieces");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/**
 * Do `act` with both stores, and return its result when everything is written.
 * @template T
 * @param {(recordings: IDBObjectStore, pieces: IDBObjectStore) => T|Promise<T>} act
 * @param {IDBTransactionMode} [mode]
 */
async function change(act, mode = "readwrite") {
  const transaction = (await open()).transaction(["recordings", "pieces"], mode, { durability: "strict" });
  const ended = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = () => reject(transaction.error);
  });
  const [result] = await Promise.all([
    act(transaction.objectStore("recordings"), transaction.objectStore("pieces")),
    ended,
  ]);
  return result;
}

const piecesOf = (/** @type {string} */ id) => IDBKeyRange.bound([id, 0], [id, Infinity]);

/** List the kept recordings, oldest first: {id, type, began, updated, bytes, pieces}. */
export async function listKept() {
  const found = await change((recordings) => done(recordings.getAll()), "readonly");
  return found.sort((/** @type {any} */ one, /** @type {any} */ other) => one.began - other.began);
}

/** Keep a recording from now on; `type` is its media type. */
export async function beginKeeping(/** @type {string} */ id, /** @type {string} */ type) {
  const now = Date.now();
  await change((recordings) =>
    done(
      recordings.add({
        id,
        type,
        began: now,
        updated: now,
        bytes: 0,
        pieces: 0,
      }),
    ),
  );
}

/** Append a piece to a recording; reject, keeping what is there, if it is too much ("TooMuch") or the browser has no room. */
export async function keepPiece(/** @type {string} */ id, /** @type {Blob} */ blob) {
  await change(async (recordings, pieces) => {
    const all = await done(recordings.getAll());
    const kept = all.find((/** @type {any} */ each) => each.id === id);
    if (!kept) return;
    if (all.reduce((/** @type {number} */ sum, /** @type {any} */ { bytes }) => sum + bytes, blob.size) > MAX_BYTES) {
      throw Object.assign(new Error(), { name: "TooMuch" });
    }
    pieces.add(blob, [id, kept.pieces]);
    recordings.put({
      ...kept,
      updated: Date.now(),
      bytes: kept.bytes + blob.size,
      pieces: kept.pieces + 1,
    });
  });
}

/** Return a kept recording as a file, null if it is not there any more. */
export function readKept(/** @type {any} */ { id, type }) {
  return change(async (recordings, pieces) => {
    const found = await done(pieces.getAll(piecesOf(id)));
    return found.length ? new Blob(found, { type }) : null;
  }, "readonly");
}

/** Remove a recording. */
export async function forgetKept(/** @type {string} */ id) {
  await change((recordings, pieces) => {
    recordings.delete(id);
    pieces.delete(piecesOf(id));
  });
}
