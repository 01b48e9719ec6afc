import { createHash, randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { bucketFaults, type BucketFaultName } from "../../sandbox/s3/faults.ts";
import { startS3, type S3Mood, type S3Server } from "../../sandbox/s3/server.ts";
import { Secret } from "../../src/core/secret.ts";
import { findPrograms } from "../../src/servers/find-program.ts";
import {
  temporaryDirectory,
  type TemporaryDirectory,
} from "../../src/servers/temporary-directory.ts";
import { createBucket, type Bucket } from "../../src/systems/bucket.ts";
import { startSwift, type SwiftServer } from "../support/swift.ts";

// CI has it, or fails; elsewhere there may be no package of it.
const hasSwift =
  process.env["CI"] !== undefined || (await findPrograms("swift-proxy-server")).length > 0;
const MEBIBYTE = 1024 * 1024;
const keys = { accessKeyId: "double", secretAccessKey: "double-secret-canary-5f2e" };
const soon = (): AbortSignal => AbortSignal.timeout(60_000);

type Store = {
  readonly url: string;
  readonly bucket: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
};

function openBucket(
  store: Store,
  change: Partial<Store["keys"]> & { readonly name?: string } = {},
) {
  return createBucket(
    {
      url: store.url,
      region: "us-east-1",
      name: change.name ?? store.bucket,
      accessKeyId: new Secret(change.accessKeyId ?? store.keys.accessKeyId),
      secretAccessKey: new Secret(change.secretAccessKey ?? store.keys.secretAccessKey),
    },
    "alpha",
  );
}

async function digestOf(chunks: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const digest = createHash("sha256");
  for await (const chunk of chunks ?? []) digest.update(chunk);
  return digest.digest("hex");
}

let folder: TemporaryDirectory;
let s3: S3Server;
let swift: SwiftServer | undefined;
const effects: string[] = [];

beforeAll(async () => {
  folder = await temporaryDirectory("bucket");
  [s3, swift] = await Promise.all([
    startS3({ bucket: "backups", keys, effects: { add: (effect) => void effects.push(effect) } }),
    hasSwift ? startSwift("backups") : undefined,
  ]);
}, 120_000);
afterAll(async () => {
  await s3[Symbol.asyncDispose]();
  await swift?.[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function fileOf(bytes: number): Promise<{ path: string; bytes: number; sha256: string }> {
  const content = randomBytes(bytes);
  const path = join(folder.path, `file-${bytes}`);
  await writeFile(path, content);
  return { path, bytes, sha256: createHash("sha256").update(content).digest("hex") };
}

const stores = [
  ["our double", true],
  ["OpenStack Swift", hasSwift],
] as const;
describe.each(stores)("with %s", (which, isThere) => {
  beforeEach((context) => context.skip(!isThere, `${which} is not installed`));
  const store = (): Store =>
    which !== "our double" && swift ? swift : { url: s3.url, bucket: s3.bucket, keys };
  let bucket: Bucket;
  beforeAll(() => {
    bucket = openBucket(store());
  });
  afterAll(async () => bucket.close());

  test("a small and a large file come back as they went, the large one in parts", async () => {
    for (const bytes of [1_000, 35 * MEBIBYTE]) {
      const file = await fileOf(bytes);
      const seen: number[] = [];
      await bucket.upload(`file-${bytes}`, file, (sent) => void seen.push(sent), soon());
      expect(seen.at(-1)).toBe(bytes);
      expect(await bucket.head(`file-${bytes}`, soon())).toEqual({ bytes });
      expect(await digestOf(await bucket.read(`file-${bytes}`, soon()))).toBe(file.sha256);
    }
  });

  test("every page is turned when it is listed, and other folders are not seen", async () => {
    const names = Array.from({ length: 16 }, (_, n) => `listed-${String(n).padStart(2, "0")}`);
    for (const name of names) await bucket.putOnce(name, "x", soon());
    const found = (await bucket.list(soon())).filter(({ name }) => name.startsWith("listed"));
    expect(found).toEqual(names.map((name) => ({ name, bytes: 1 })));
    const other = createBucket(
      {
        url: store().url,
        region: "us-east-1",
        name: store().bucket,
        folder: "beta",
        accessKeyId: new Secret(store().keys.accessKeyId),
        secretAccessKey: new Secret(store().keys.secretAccessKey),
      },
      "alpha",
    );
    expect(await other.list(soon())).toEqual([]);
    await other.close();
  });

  test("what is there is not written again", async () => {
    expect(await bucket.putOnce("once", "first", soon())).toBe(true);
    expect(await bucket.putOnce("once", "second", soon())).toBe(false);
    expect(await bucket.readText("once", soon())).toBe("first");
  });

  test("what is not there is missing, and no error", async () => {
    expect(await bucket.head("nothing", soon())).toBeUndefined();
    expect(await bucket.read("nothing", soon())).toBeUndefined();
    expect(await bucket.remove("nothing", soon())).toBe(true);
  });

  test("what is deleted is gone", async () => {
    await bucket.putOnce("doomed", "x", soon());
    expect(await bucket.remove("doomed", soon())).toBe(true);
    expect(await bucket.head("doomed", soon())).toBeUndefined();
  });

  test("an upload that is given up leaves no part of it", async () => {
    const file = await fileOf(40 * MEBIBYTE);
    const cancel = new AbortController();
    const uploading = bucket.upload(
      "cancelled",
      file,
      () => cancel.abort(new Error("cancelled")),
      cancel.signal,
    );
    await expect(uploading).rejects.toThrow("cancelled");
    // Parts that were on their way may have come after it was given up; the next backup does this too.
    await bucket.abandonUploads(soon());
    expect(await bucket.abandonUploads(soon())).toBe(0);
    expect(await bucket.head("cancelled", soon())).toBeUndefined();
  });

  test.each<[string, Parameters<typeof openBucket>[1], RegExp, string]>([
    [
      "a wrong secret",
      { secretAccessKey: "wrong-secret-canary-1" },
      /the secret key is wrong/,
      "unauthorized",
    ],
    ["an unknown key", { accessKeyId: "nobody:else" }, /403|401/, "unauthorized"],
    ["a bucket that is not there", { name: "elsewhere" }, /there is no such bucket/, "rejected"],
  ])("%s is told as that, without the secret", async (_what, change, words, kind) => {
    const wrong = openBucket(store(), change);
    const error: unknown = await wrong.list(soon()).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ system: "bucket", kind });
    expect(String(error)).toMatch(words);
    expect(`${String(error)} ${JSON.stringify(error)} ${(error as Error).stack}`).not.toContain(
      "canary",
    );
    await wrong.close();
  });
});

describe("each fault of the double", () => {
  let bucket: Bucket;
  let count = 0;
  beforeAll(async () => {
    bucket = openBucket({ url: s3.url, bucket: s3.bucket, keys });
    await bucket.putOnce("kept", "x", soon());
  });
  afterAll(async () => bucket.close());

  const kindOf = async (work: Promise<unknown>): Promise<unknown> =>
    work.then(
      (result) => result,
      (error: unknown) => (error as { readonly kind?: string }).kind ?? String(error),
    );
  const upload = async (bytes: number): Promise<unknown> => {
    const file = await fileOf(bytes);
    count += 1;
    const name = `fault-${count}`;
    await bucket.upload(name, file, () => {}, soon());
    return (await digestOf(await bucket.read(name, soon()))) === file.sha256 ? "as sent" : "other";
  };
  const list = async (): Promise<unknown> =>
    Array.isArray(await bucket.list(AbortSignal.timeout(1_500))) ? "listed" : "nothing";
  const sights: Record<
    BucketFaultName,
    { look: () => Promise<unknown>; well: unknown; broken: unknown }
  > = {
    "bucket-key-revoked": { look: list, well: "listed", broken: "unauthorized" },
    "bucket-answers-500": { look: list, well: "listed", broken: "unreachable" },
    "bucket-hangs": { look: list, well: "listed", broken: "timeout" },
    "bucket-full": { look: async () => upload(100), well: "as sent", broken: "unreachable" },
    "bucket-locked": {
      look: async () => {
        await bucket.putOnce("kept", "x", soon());
        return bucket.remove("kept", soon());
      },
      well: true,
      broken: false,
    },
    "bucket-cuts-uploads": {
      look: async () => upload(100),
      well: "as sent",
      broken: "unreachable",
    },
    "bucket-loses-answers": {
      look: async () => kindOf(bucket.putOnce(`lost-${(count += 1)}`, "x", soon())),
      well: true,
      broken: false,
    },
    "bucket-corrupts": { look: async () => upload(100), well: "as sent", broken: "other" },
  };

  test.each(bucketFaults({} as S3Mood).map(({ name }) => name))(
    "%s can be seen from outside, and is over when it is healed",
    async (name) => {
      const fault = bucketFaults(s3.mood).find((one) => one.name === name);
      const { look, well, broken } = sights[name];
      expect(await kindOf(look())).toEqual(well);
      await fault?.break();
      expect(await kindOf(look())).toEqual(broken);
      await fault?.heal();
      expect(await kindOf(look())).toEqual(well);
    },
  );
});

describe("a store that misbehaves", () => {
  let bucket: Bucket;
  beforeAll(() => {
    bucket = openBucket({ url: s3.url, bucket: s3.bucket, keys });
  });
  afterAll(async () => bucket.close());

  test("cuts an upload at its second part: an error, and nothing is left", async () => {
    const file = await fileOf(40 * MEBIBYTE);
    s3.mood.cutsAtPart = 2;
    try {
      const uploading = bucket.upload("cut", file, () => {}, soon());
      await expect(uploading).rejects.toMatchObject({ kind: "unreachable" });
    } finally {
      s3.mood.cutsAtPart = undefined;
    }
    await expect.poll(() => s3.openUploads()).toEqual([]);
    expect(s3.keys()).not.toContain("alpha/cut");
  });

  test("loses the answer to the last call: the object is there, so it was done", async () => {
    const file = await fileOf(20 * MEBIBYTE);
    s3.mood.losesCompletion = true;
    try {
      await bucket.upload("lost", file, () => {}, soon());
    } finally {
      s3.mood.losesCompletion = false;
    }
    expect(await digestOf(await bucket.read("lost", soon()))).toBe(file.sha256);
  });

  test("does not let go of what is locked", async () => {
    await bucket.putOnce("locked", "x", soon());
    s3.mood.locked = true;
    try {
      expect(await bucket.remove("locked", soon())).toBe(false);
    } finally {
      s3.mood.locked = false;
    }
    expect(await bucket.readText("locked", soon())).toBe("x");
  });

  test("answers 500 three times: unreachable", async () => {
    s3.mood.failing = true;
    try {
      await expect(bucket.list(soon())).rejects.toMatchObject({ kind: "unreachable" });
    } finally {
      s3.mood.failing = false;
    }
  });

  test("is full: said, and no object", async () => {
    s3.mood.full = true;
    try {
      await expect(bucket.putOnce("more", "x", soon())).rejects.toThrow(/InsufficientStorage/);
    } finally {
      s3.mood.full = false;
    }
    expect(s3.keys()).not.toContain("alpha/more");
  });
});
