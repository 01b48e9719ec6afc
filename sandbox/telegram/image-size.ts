export type ImageSize = { readonly width: number; readonly height: number };

const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** The size of a PNG or JPEG, read from its header; undefined for anything else. */
export function imageSize(bytes: Uint8Array): ImageSize | undefined {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length >= 24 && buffer.subarray(0, 8).equals(PNG)) {
    return { width: buffer.readUInt32BE(16), height: buffer.readUInt32BE(20) };
  }
  return buffer.length >= 4 && buffer.readUInt16BE(0) === 0xffd8 ? jpegSize(buffer) : undefined;
}

/** A JPEG is a list of segments; the one that starts a frame holds the size. */
function jpegSize(buffer: Buffer): ImageSize | undefined {
  let at = 2;
  while (at + 9 <= buffer.length) {
    const marker = buffer.readUInt16BE(at);
    const startsFrame =
      marker >= 0xffc0 && marker <= 0xffcf && ![0xffc4, 0xffc8, 0xffcc].includes(marker);
    if (startsFrame) {
      return { width: buffer.readUInt16BE(at + 7), height: buffer.readUInt16BE(at + 5) };
    }
    at += 2 + buffer.readUInt16BE(at + 2);
  }
  return undefined;
}
