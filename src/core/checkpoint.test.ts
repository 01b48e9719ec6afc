import { describe, expect, test } from "vitest";

import { checkpointText, parseCheckpoint } from "./checkpoint.ts";

const TEXT = "flightdeck/evidence/alpha\n42\nZLJJxOBgbj2XQsSb/VfNHj6xcPXM76JuoEXKGT1kp18=\n";

describe("the text of a checkpoint", () => {
  test("holds origin, size and root, and is read back", () => {
    const checkpoint = {
      origin: "flightdeck/evidence/alpha",
      size: 42,
      root: "64b249c4e0606e3d9742c49bfd57cd1e3eb170f5ccefa26ea045ca193d64a75f",
    };
    expect(checkpointText(checkpoint)).toBe(TEXT);
    expect(parseCheckpoint(TEXT)).toEqual(checkpoint);
  });

  test.each([
    ["no root", TEXT.split("\n").slice(0, 2).join("\n")],
    ["no line break at its end", TEXT.trimEnd()],
    ["a line more", `${TEXT}more\n`],
    ["no origin", TEXT.slice(TEXT.indexOf("\n"))],
    ["a size with a zero in front", TEXT.replace("\n42", "\n042")],
    ["a negative size", TEXT.replace("\n42", "\n-42")],
    ["a size beyond counting", TEXT.replace("\n42", "\n9999999999999999")],
    ["a short root", TEXT.replace("ZLJJ", "")],
    ["loose base64", TEXT.replace("18=", "18")],
    ["carriage returns", TEXT.replaceAll("\n", "\r\n")],
  ])("with %s is none", (_what, text) => {
    expect(parseCheckpoint(text)).toBeUndefined();
  });
});
