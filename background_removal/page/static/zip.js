// ZIP file of pictures, stored as they are, since they are compressed already (PKWARE's APPNOTE.TXT, 4.3).

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});
// Version needed, 2.0; names are UTF-8; midnight of 1 January 1980, the earliest time that a ZIP can hold.
const [VERSION, UTF8, TIME, DATE] = [20, 1 << 11, 0, 0x21];
// Largest offset without the extension for more, bytes.
const MOST = 0xffffffff;

function checksum(/** @type {Uint8Array} */ bytes) {
  let crc = -1;
  for (let n = 0; n < bytes.length; n += 1) crc = CRC[(crc ^ bytes[n]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

// Return numbers as little-endian bytes; each is [size in bytes, value].
function pack(/** @type {number[][]} */ ...fields) {
  const view = new DataView(new ArrayBuffer(fields.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of fields) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return view.buffer;
}

export class Zip {
  /** @type {BlobPart[]} */
  #parts = [];
  /** @type {(ArrayBuffer|Uint8Array<ArrayBuffer>)[]} */
  #index = [];
  #size = 0;
  #names = new Set();

  /** Add a file; another one of its name gets a number, as on the command line. Return false if there is no room. */
  async add(/** @type {string} */ name, /** @type {Blob} */ blob) {
    if (this.#size + blob.size > MOST) return false;
    const bytes = new TextEncoder().encode(this.#free(name));
    const crc = checksum(new Uint8Array(await blob.arrayBuffer()));
    const common = [
      [2, VERSION],
      [2, UTF8],
      [2, 0],
      [2, TIME],
      [2, DATE],
      [4, crc],
      [4, blob.size],
      [4, blob.size],
      [2, bytes.length],
      [2, 0],
    ];
    const head = pack([4, 0x04034b50], ...common);
    this.#index.push(
      pack([4, 0x02014b50], [2, VERSION], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, this.#size]),
      bytes,
    );
    this.#parts.push(head, bytes, blob);
    this.#size += head.byteLength + bytes.length + blob.size;
    return true;
  }

  /** Number of files in it. */
  get count() {
    return this.#names.size;
  }

  /** Return the file. */
  close() {
    const length = this.#index.reduce((sum, part) => sum + part.byteLength, 0);
    const end = pack(
      [4, 0x06054b50],
      [2, 0],
      [2, 0],
      [2, this.count],
      [2, this.count],
      [4, length],
      [4, this.#size],
      [2, 0],
    );
    return new Blob([...this.#parts, ...this.#index, end], {
      type: "application/zip",
    });
  }

  #free(/** @type {string} */ name) {
    const [, stem, ending] = name.match(/^(.*?)(\.[^.]*)?$/s) ?? ["", name, ""];
    let free = name;
    for (let n = 2; this.#names.has(free); n += 1) free = `${stem}_${n}${ending ?? ""}`;
    this.#names.add(free);
    return free;
  }
}
