import { createReadStream } from "node:fs";
import type { Readable } from "node:stream";

import type { S3Client } from "@aws-sdk/client-s3";

import { createScrubber } from "../core/redaction.ts";
import { untilAborted } from "../core/waiting.ts";
import type { BucketSettings } from "./bucket-settings.ts";
import { isTimeout } from "./deadline.ts";
import { NotConfiguredError } from "./not-configured-error.ts";
import { SystemError, codeOf, safeCause, type SystemErrorKind } from "./system-error.ts";

export type StoredObject = {
  /** Below the target's folder. */
  readonly name: string;
  readonly bytes: number;
};

export type Bucket = {
  /** Where it is, for people: host and folder. */
  readonly place: string;
  /** Everything in the target's folder. */
  list(signal: AbortSignal): Promise<readonly StoredObject[]>;
  /** Undefined when there is no such object. */
  head(name: string, signal: AbortSignal): Promise<{ readonly bytes: number } | undefined>;
  read(name: string, signal: AbortSignal): Promise<AsyncIterable<Uint8Array> | undefined>;
  readText(name: string, signal: AbortSignal): Promise<string | undefined>;
  /** Writes a small object that was not there. False: one was, and it stays. */
  putOnce(name: string, text: string, signal: AbortSignal): Promise<boolean>;
  /** In parts of one size, as R2 demands; an upload that fails is given up, so no part of it stays. */
  upload(
    name: string,
    file: { readonly path: string; readonly bytes: number },
    onBytes: (bytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** False: a lock of the bucket keeps it for now. */
  remove(name: string, signal: AbortSignal): Promise<boolean>;
  /** Gives up every upload that somebody began in the target's folder and did not finish; says how many. */
  abandonUploads(signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
};

const MEBIBYTE = 1024 * 1024;
const PART_BYTES = 16 * MEBIBYTE;
/** A little below what stores allow, so that rounding never meets it. */
const MOST_PARTS = 9_000;
const TEXT_LIMIT = 64 * MEBIBYTE;
const CONNECT_TIMEOUT_MS = 10_000;
/** Without a byte for this long a connection is taken for dead. */
const IDLE_TIMEOUT_MS = 60_000;
const ATTEMPTS = 3;
const CLEANING_TIMEOUT_MS = 15_000;

/** A bucket of an S3-compatible store, which by its settings is one folder of it and nothing else. */
export function createBucket(settings: BucketSettings | undefined, target: string): Bucket {
  if (settings === undefined) return unconfigured;
  const folder = `${settings.folder ?? target}/`;
  const of = { Bucket: settings.name };
  const { call, close } = createCalls(settings, `${settings.name}/${folder}`);
  const keyed = (name: string): { readonly Bucket: string; readonly Key: string } => ({
    ...of,
    Key: `${folder}${name}`,
  });
  const read: Bucket["read"] = async (name, signal) => {
    const attempt = `read ${name}`;
    const body = await call(attempt, signal, async ({ s3, client }) =>
      unlessMissing(async () => {
        const command = new s3.GetObjectCommand(keyed(name));
        const { Body } = await client.send(command, { abortSignal: signal });
        return Body as Readable;
      }),
    );
    return (
      body &&
      (async function* () {
        const chunks: AsyncIterator<Uint8Array> = body[Symbol.asyncIterator]();
        try {
          for (;;) {
            // What breaks off later is told in the same words as what could not begin.
            const next = await call(attempt, signal, async () => chunks.next());
            if (next.done === true) return;
            yield next.value;
          }
        } finally {
          body.destroy();
        }
      })()
    );
  };

  return {
    place: `${new URL(settings.url).host}/${settings.name}/${folder}`,
    async list(signal) {
      return call("list the backups", signal, async ({ s3, client }) => {
        const found: StoredObject[] = [];
        const pages = s3.paginateListObjectsV2(
          { client },
          { ...of, Prefix: folder },
          { abortSignal: signal },
        );
        for await (const { Contents = [] } of pages) {
          signal.throwIfAborted();
          for (const { Key = "", Size = 0 } of Contents) {
            found.push({ name: Key.slice(folder.length), bytes: Size });
          }
        }
        return found;
      });
    },
    async head(name, signal) {
      return call(`look at ${name}`, signal, async ({ s3, client }) =>
        unlessMissing(async () => {
          const command = new s3.HeadObjectCommand(keyed(name));
          const { ContentLength = 0 } = await client.send(command, { abortSignal: signal });
          return { bytes: ContentLength };
        }),
      );
    },
    read,
    async readText(name, signal) {
      const body = await read(name, signal);
      if (!body) return undefined;
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        bytes += chunk.length;
        if (bytes > TEXT_LIMIT) {
          const message = `${name} is too large to be what it is called`;
          throw new SystemError("bucket", "malformed", message);
        }
        chunks.push(chunk);
      }
      return Buffer.concat(chunks).toString("utf8");
    },
    async putOnce(name, text, signal) {
      return call(`write ${name}`, signal, async (sdk) => putOnce(sdk, keyed(name), text, signal));
    },
    async upload(name, file, onBytes, signal) {
      await call(`upload ${name}`, signal, async (sdk) => {
        const target = keyed(name);
        try {
          await uploadFile(sdk, { target, file, onBytes }, signal);
        } catch (error) {
          const after = AbortSignal.timeout(CLEANING_TIMEOUT_MS);
          const { Bucket, Key: Prefix } = target;
          // What cannot be given up now is given up before the next upload.
          await abandon(sdk, { Bucket, Prefix }, after).catch(() => {});
          // It may be there all the same: the answer to the last call was lost, and the call asked again.
          const command = new sdk.s3.HeadObjectCommand(target);
          const found = await sdk.client
            .send(command, { abortSignal: after })
            .catch(() => undefined);
          if (signal.aborted || found?.ContentLength !== file.bytes) throw error;
        }
      });
    },
    async remove(name, signal) {
      return call(`delete ${name}`, signal, async ({ s3, client }) => {
        try {
          await client.send(new s3.DeleteObjectCommand(keyed(name)), { abortSignal: signal });
          return true;
        } catch (error) {
          if (statusOf(error) === 404) return true;
          // Both are said of what is locked. A key without the right is told by the same words, and keeps as much.
          if (statusOf(error) === 403 || statusOf(error) === 409) return false;
          throw error;
        }
      });
    },
    async abandonUploads(signal) {
      return call("give up unfinished uploads", signal, async (sdk) =>
        abandon(sdk, { ...of, Prefix: folder }, signal),
      );
    },
    close,
  };
}

/** Says how far it is, however large the file: memory holds no more than two parts. */
async function uploadFile(
  { client }: Connected,
  order: {
    readonly target: { readonly Bucket: string; readonly Key: string };
    readonly file: { readonly path: string; readonly bytes: number };
    readonly onBytes: (bytes: number) => void;
  },
  signal: AbortSignal,
): Promise<void> {
  const { Upload } = await import("@aws-sdk/lib-storage");
  const { target, file, onBytes } = order;
  const source = createReadStream(file.path, { highWaterMark: MEBIBYTE });
  const upload = new Upload({
    client,
    params: { ...target, Body: source, ContentType: "application/octet-stream" },
    partSize: Math.max(PART_BYTES, Math.ceil(file.bytes / MOST_PARTS / MEBIBYTE) * MEBIBYTE),
    queueSize: 2,
    leavePartsOnError: false,
  });
  upload.on("httpUploadProgress", ({ loaded = 0 }) => onBytes(loaded));
  const giveUp = (): void => void upload.abort().catch(() => {});
  signal.addEventListener("abort", giveUp, { once: true });
  try {
    await upload.done();
  } finally {
    signal.removeEventListener("abort", giveUp);
    source.destroy();
  }
}

async function abandon(
  { s3, client }: Connected,
  { Bucket, Prefix }: { readonly Bucket: string; readonly Prefix: string },
  signal: AbortSignal,
): Promise<number> {
  const command = new s3.ListMultipartUploadsCommand({ Bucket, Prefix });
  const { Uploads = [] } = await client.send(command, { abortSignal: signal });
  for (const { Key, UploadId } of Uploads) {
    const command = new s3.AbortMultipartUploadCommand({ Bucket, Key, UploadId });
    await unlessMissing(async () => client.send(command, { abortSignal: signal }));
  }
  return Uploads.length;
}

async function putOnce(
  { s3, client }: Connected,
  target: { readonly Bucket: string; readonly Key: string },
  text: string,
  signal: AbortSignal,
): Promise<boolean> {
  const object = { ...target, Body: text, ContentType: "application/json" };
  const put = async (condition: { readonly IfNoneMatch?: "*" }): Promise<unknown> =>
    client.send(new s3.PutObjectCommand({ ...object, ...condition }), { abortSignal: signal });
  try {
    await put({ IfNoneMatch: "*" });
    return true;
  } catch (error) {
    if (statusOf(error) === 412 || statusOf(error) === 409) return false;
    if (statusOf(error) !== 501) throw error;
  }
  // A store without conditions: nobody else writes this name, so looking first is enough.
  const found = await unlessMissing(async () =>
    client.send(new s3.HeadObjectCommand(target), { abortSignal: signal }),
  );
  if (found) return false;
  await put({});
  return true;
}

type Sdk = typeof import("@aws-sdk/client-s3");
type Connected = { readonly s3: Sdk; readonly client: S3Client };

function createCalls(settings: BucketSettings, place: string) {
  const { accessKeyId, secretAccessKey } = settings;
  const scrub = createScrubber([accessKeyId, secretAccessKey]);
  let connected: Promise<Connected> | undefined;
  return {
    async call<Result>(
      attempt: string,
      signal: AbortSignal,
      work: (connected: Connected) => Promise<Result>,
    ): Promise<Result> {
      signal.throwIfAborted();
      try {
        // What has begun to answer may still fall silent, and the client does not look at the signal then.
        return await untilAborted(work(await (connected ??= connect(settings))), signal);
      } catch (error) {
        if (isTimeout(signal)) {
          const message = `cannot ${attempt} in ${place}: no answer in time`;
          throw new SystemError("bucket", "timeout", message, { cause: safeCause(error, scrub) });
        }
        signal.throwIfAborted();
        if (error instanceof SystemError) throw error;
        const cause = safeCause(error, scrub);
        const message = `cannot ${attempt} in ${place}: ${reasonOf(error, cause)}`;
        throw new SystemError("bucket", kindOf(error), message, { cause, code: cause.name });
      }
    },
    async close(): Promise<void> {
      (await connected)?.client.destroy();
    },
  };
}

/** Loaded by the first who asks: it is large, and many never do. */
async function connect(settings: BucketSettings): Promise<Connected> {
  const s3 = await import("@aws-sdk/client-s3");
  const client = new s3.S3Client({
    endpoint: settings.url,
    region: settings.region,
    // By a name of its own a bucket would need a certificate of its own.
    forcePathStyle: true,
    credentials: {
      accessKeyId: settings.accessKeyId.reveal(),
      secretAccessKey: settings.secretAccessKey.reveal(),
    },
    maxAttempts: ATTEMPTS,
    // Stores that are not S3 itself refuse what the SDK would add of its own accord; we read back and compare.
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
  });
  return { s3, client };
}

async function unlessMissing<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await ask();
  } catch (error) {
    // A missing bucket is another matter: it would look like a bucket that is empty.
    if (statusOf(error) === 404 && nameOf(error) !== "NoSuchBucket") return undefined;
    throw error;
  }
}

function statusOf(error: unknown): number | undefined {
  const { $metadata } = error as { readonly $metadata?: { readonly httpStatusCode?: number } };
  return $metadata?.httpStatusCode;
}

function nameOf(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

function kindOf(error: unknown): SystemErrorKind {
  const status = statusOf(error);
  const code = codeOf(error);
  // The client calls every broken connection a timeout, and keeps the code that tells them apart.
  if (nameOf(error) === "TimeoutError" && (code === undefined || code === "ETIMEDOUT")) {
    return "timeout";
  }
  if (status === undefined) return code === undefined ? "malformed" : "unreachable";
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 429 || status === 503) return "rate-limited";
  return status >= 500 ? "unreachable" : "rejected";
}

const REASONS: Readonly<Record<string, string>> = {
  NoSuchBucket: "there is no such bucket",
  InvalidAccessKeyId: "the store does not know this access key",
  SignatureDoesNotMatch: "the secret key is wrong",
  AccessDenied: "this access key may not do that",
  TimeoutError: "no answer in time",
};

function reasonOf(error: unknown, cause: Error): string {
  const status = statusOf(error);
  const known = kindOf(error) === "unreachable" ? undefined : REASONS[cause.name];
  const words = cause.message === "" ? cause.name : cause.message;
  return `${known ?? words}${status === undefined ? "" : ` (${status} ${cause.name})`}`;
}

const unconfigured: Bucket = (() => {
  const refuse = async (): Promise<never> => {
    throw new NotConfiguredError("systems.bucket");
  };
  return {
    place: "no bucket",
    list: refuse,
    head: refuse,
    read: refuse,
    readText: refuse,
    putOnce: refuse,
    upload: refuse,
    remove: refuse,
    abandonUploads: refuse,
    close: async () => {},
  };
})();
