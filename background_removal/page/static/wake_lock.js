// Keeps the screen awake, where the browser can.

let wanted = false;
/** @type {Promise<WakeLockSentinel>|null} */
let lock = null;

// Browsers take the lock away while another tab or program is in front.
document.addEventListener("visibilitychange", hold);

async function hold() {
  if (!wanted || lock || document.hidden || !navigator.wakeLock) return;
  lock = navigator.wakeLock.request("screen");
  try {
    const held = await lock;
    held.addEventListener("release", () => {
      lock = null;
      hold();
    });
    if (!wanted) await held.release();
  } catch {
    lock = null; // the battery is low, for instance
  }
}

/** Keep the screen awake, or let it sleep again. */
export function keepAwake(/** @type {boolean} */ on) {
  wanted = on;
  if (on) hold();
  else lock?.then((held) => held.release()).catch(() => {});
}
