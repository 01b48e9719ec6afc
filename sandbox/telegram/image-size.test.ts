import { expect, test } from "vitest";

import { imageSize } from "./image-size.ts";

test("the size of a PNG stands in its header", () => {
  const png = Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    Buffer.from([0, 0, 0, 13]),
    Buffer.from("IHDR"),
    Buffer.from([0, 0, 2, 128, 0, 0, 1, 224]),
  ]);
  expect(imageSize(png)).toEqual({ width: 640, height: 480 });
});

test("the size of a JPEG stands in the segment that starts a frame", () => {
  const jpeg = Buffer.from([
    0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0, 48, 0, 64, 1, 1, 0x11, 0,
  ]);
  expect(imageSize(jpeg)).toEqual({ width: 64, height: 48 });
});

test("anything else has no size", () => {
  expect(imageSize(Buffer.from("a text"))).toBeUndefined();
  expect(imageSize(Buffer.from([0xff, 0xd8]))).toBeUndefined();
});
