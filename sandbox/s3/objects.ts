import { createHash, randomUUID } from "node:crypto";

import { Refusal } from "./refusal.ts";

type Part = { readonly bytes: Buffer; readonly etag: string };
type Upload = { readonly key: string; readonly parts: Map<number, Part> };

/** S3 refuses smaller parts but for the last one. */
const SMALLEST_PART = 5 * 1024 * 1024;

/** One bucket and what R2 holds it to: parts of one size, and conditions. */
export function createObjects() {
  const objects = new Map<string, Part>();
  const uploads = new Map<string, Upload>();

  const uploadOf = (id: string): Upload => {
    const upload = uploads.get(id);
    if (upload) return upload;
    throw new Refusal(404, "NoSuchUpload", "The upload does not exist; it may be complete.");
  };
  const demandAbsent = (key: string, condition: string | undefined): void => {
    if (condition === undefined) return;
    if (condition !== "*") throw new Refusal(501, "NotImplemented", "Only If-None-Match: *");
    if (objects.has(key)) throw new Refusal(412, "PreconditionFailed", "It is there already.");
  };

  return {
    names: (prefix: string): readonly string[] =>
      [...objects.keys()].filter((key) => key.startsWith(prefix)).toSorted(),
    get: (key: string): Part | undefined => objects.get(key),
    put(key: string, bytes: Buffer, condition: string | undefined): Part {
      demandAbsent(key, condition);
      const stored = { bytes, etag: md5(bytes) };
      objects.set(key, stored);
      return stored;
    },
    /** Whether there was one; S3 says the same either way. */
    remove: (key: string): boolean => objects.delete(key),

    begin(key: string): string {
      const id = randomUUID();
      uploads.set(id, { key, parts: new Map() });
      return id;
    },
    uploads: (prefix: string): readonly { readonly id: string; readonly key: string }[] =>
      [...uploads]
        .map(([id, { key }]) => ({ id, key }))
        .filter(({ key }) => key.startsWith(prefix)),
    addPart(id: string, number: number, bytes: Buffer): string {
      const etag = md5(bytes);
      uploadOf(id).parts.set(number, { bytes, etag });
      return etag;
    },
    abandon(id: string): void {
      uploadOf(id);
      uploads.delete(id);
    },
    complete(
      id: string,
      named: readonly { readonly number: number; readonly etag: string }[],
      condition: string | undefined,
    ): Part {
      const { key, parts } = uploadOf(id);
      demandAbsent(key, condition);
      const chosen = named.map(({ number, etag }) => {
        const part = parts.get(number);
        if (part?.etag !== etag)
          throw new Refusal(400, "InvalidPart", `Part ${number} is not that.`);
        return part;
      });
      demandRightSizes(chosen);
      uploads.delete(id);
      const bytes = Buffer.concat(chosen.map((part) => part.bytes));
      const stored = { bytes, etag: `${md5(bytes)}-${chosen.length}` };
      objects.set(key, stored);
      return stored;
    },
  };
}

function demandRightSizes(parts: readonly Part[]): void {
  const sizes = parts.map(({ bytes }) => bytes.length);
  const [first = 0] = sizes;
  const last = sizes.pop() ?? 0;
  if (sizes.some((size) => size < SMALLEST_PART)) {
    throw new Refusal(400, "EntityTooSmall", "A part is too small.");
  }
  if (sizes.some((size) => size !== first) || last > first) {
    throw new Refusal(400, "InvalidPart", "All parts but the last must be of one size.");
  }
}

function md5(bytes: Buffer): string {
  return createHash("md5").update(bytes).digest("hex");
}
