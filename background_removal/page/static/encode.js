// Worker: encodes a frame as its number in 4 bytes and a JPEG.

const canvas = new OffscreenCanvas(1, 1);
const pen = /** @type {OffscreenCanvasRenderingContext2D} */ (
  canvas.getContext("2d", { alpha: false, willReadFrequently: true })
);

self.onmessage = async ({ data: { number, picture, quality } }) => {
  const [width, height] = [picture.displayWidth ?? picture.width, picture.displayHeight ?? picture.height];
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  pen.drawImage(picture, 0, 0);
  picture.close();
  const jpeg = await canvas.convertToBlob({ type: "image/jpeg", quality });
  const head = new DataView(new ArrayBuffer(4));
  head.setUint32(0, number);
  const message = await new Blob([head, jpeg]).arrayBuffer();
  self.postMessage(message, { transfer: [message] });
};
