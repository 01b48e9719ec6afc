import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import type { Effects } from "../effects.ts";
import { createObjects } from "./objects.ts";
import { escaped, Refusal, xml, xmlOf } from "./refusal.ts";
import { signatureProblem, type Keys } from "./signature.ts";

/** How the store misbehaves; each may be changed at any time. */
export type S3Mood = {
  revoked: boolean;
  failing: boolean;
  hanging: boolean;
  /** Cuts the connection at this part of every upload. */
  cutsAtPart: number | undefined;
  /** Does what completes an upload, and cuts the connection before it says so. */
  losesCompletion: boolean;
  /** Keeps other bytes than it was given, and says that all is well. */
  corrupts: boolean;
  /** Lets nothing be deleted or replaced, as a bucket lock does. */
  locked: boolean;
  full: boolean;
};

export type S3Server = AsyncDisposable & {
  readonly url: string;
  readonly bucket: string;
  readonly mood: S3Mood;
  /** The keys of what is stored. */
  keys(): readonly string[];
  object(key: string): Buffer | undefined;
  /** Somebody changes an object behind everybody's back; undefined deletes it. */
  meddle(key: string, bytes: Buffer | undefined): void;
  openUploads(): readonly string[];
};

/** A page is small, so that whoever forgets to turn it is found out. */
const PAGE = 7;

/** An S3-compatible store with one bucket: strict where real ones are, and as spiteful as it is told to be. */
export async function startS3(options: {
  readonly bucket: string;
  readonly keys: Keys;
  readonly effects: Pick<Effects, "add">;
}): Promise<S3Server> {
  const { bucket, keys, effects } = options;
  const objects = createObjects();
  const mood: S3Mood = {
    revoked: false,
    failing: false,
    hanging: false,
    cutsAtPart: undefined,
    losesCompletion: false,
    corrupts: false,
    locked: false,
    full: false,
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await bodyOf(request);
    if (mood.hanging) return;
    try {
      demandHonesty(request, body);
      serve(request, response, body);
    } catch (error) {
      const { status, code, message } =
        error instanceof Refusal ? error : new Refusal(500, "InternalError", String(error));
      send(response, status, request.method === "HEAD" ? "" : xmlOf({ code, message }));
    }
  }

  function demandHonesty(request: IncomingMessage, body: Buffer): void {
    if (mood.failing) throw new Refusal(500, "InternalError", "We met an internal error.");
    const problem = signatureProblem(request, body, keys);
    if (problem) throw new Refusal(403, problem.code, problem.message);
    if (mood.revoked) throw new Refusal(403, "AccessDenied", "Access Denied");
    const encoding = request.headers["content-encoding"] ?? "";
    if (encoding.includes("aws-chunked")) {
      throw new Refusal(501, "NotImplemented", "Chunked uploads are not supported.");
    }
    demandDigest(request, body, "content-md5", "md5", "BadDigest");
    demandDigest(request, body, "x-amz-checksum-sha256", "sha256", "BadDigest");
  }

  function serve(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const url = new URL(request.url ?? "", "http://store");
    const [, name = "", ...rest] = url.pathname.split("/");
    const key = decodeURIComponent(rest.join("/"));
    if (name !== bucket) throw new Refusal(404, "NoSuchBucket", "The bucket does not exist.");
    const query = url.searchParams;
    const upload = query.get("uploadId");
    const condition = request.headers["if-none-match"];
    const route = `${request.method} ${key === "" ? "bucket" : "object"}${query.has("uploads") ? " uploads" : ""}${upload === null ? "" : " upload"}`;
    switch (route) {
      case "GET bucket":
        return send(response, 200, listing(query));
      case "GET bucket uploads":
        return send(response, 200, uploadListing(query));
      case "POST object uploads":
        effects.add("uploadsBegun");
        return send(
          response,
          200,
          xml(
            `<InitiateMultipartUploadResult><Bucket>${bucket}</Bucket><Key>${escaped(key)}</Key><UploadId>${objects.begin(key)}</UploadId></InitiateMultipartUploadResult>`,
          ),
        );
      case "PUT object upload": {
        demandRoom();
        const number = Number(query.get("partNumber"));
        if (mood.cutsAtPart !== undefined && number >= mood.cutsAtPart) {
          return void request.socket.destroy();
        }
        response.setHeader("etag", `"${objects.addPart(upload ?? "", number, kept(body))}"`);
        return send(response, 200, "");
      }
      case "POST object upload": {
        demandUnlocked(key);
        const stored = objects.complete(upload ?? "", partsIn(body.toString()), condition);
        effects.add("objectsStored");
        if (mood.losesCompletion) return void request.socket.destroy();
        return send(
          response,
          200,
          xml(
            `<CompleteMultipartUploadResult><Key>${escaped(key)}</Key><ETag>"${stored.etag}"</ETag></CompleteMultipartUploadResult>`,
          ),
        );
      }
      case "DELETE object upload":
        objects.abandon(upload ?? "");
        effects.add("uploadsAbandoned");
        return send(response, 204, "");
      case "PUT object": {
        demandRoom();
        // A file of one part is not an upload of parts; manifests are let through.
        if (mood.cutsAtPart === 1 && body.length > 0 && !key.endsWith(".json")) {
          return void request.socket.destroy();
        }
        demandUnlocked(key);
        const stored = objects.put(key, kept(body), condition);
        effects.add("objectsStored");
        if (mood.losesCompletion) return void request.socket.destroy();
        response.setHeader("etag", `"${stored.etag}"`);
        return send(response, 200, "");
      }
      case "HEAD object":
      case "GET object":
        return sendObject(request, response, key);
      case "DELETE object":
        demandUnlocked(key);
        if (objects.remove(key)) effects.add("objectsDeleted");
        return send(response, 204, "");
      default:
        throw new Refusal(405, "MethodNotAllowed", `${route} is not part of this store.`);
    }
  }

  function demandRoom(): void {
    if (mood.full) throw new Refusal(507, "InsufficientStorage", "There is no room left.");
  }

  function demandUnlocked(key: string): void {
    if (mood.locked && objects.get(key)) {
      throw new Refusal(403, "ObjectLockedByBucketPolicy", "The object is locked by a rule.");
    }
  }

  function kept(body: Buffer): Buffer {
    if (!mood.corrupts || body.length === 0) return body;
    const other = Buffer.from(body);
    const middle = Math.floor(other.length / 2);
    other[middle] = (other[middle] ?? 0) ^ 1;
    return other;
  }

  function sendObject(request: IncomingMessage, response: ServerResponse, key: string): void {
    const found = objects.get(key);
    if (!found) throw new Refusal(404, "NoSuchKey", "The key does not exist.");
    response.setHeader("etag", `"${found.etag}"`);
    response.setHeader("content-length", found.bytes.length);
    response.writeHead(200);
    response.end(request.method === "HEAD" ? undefined : found.bytes);
  }

  function listing(query: URLSearchParams): string {
    if (query.get("list-type") !== "2") throw new Refusal(501, "NotImplemented", "Only version 2.");
    const after = query.get("continuation-token") ?? "";
    const names = objects.names(query.get("prefix") ?? "").filter((key) => key > after);
    const page = names.slice(0, PAGE);
    const contents = page.map(
      (key) =>
        `<Contents><Key>${escaped(key)}</Key><Size>${objects.get(key)?.bytes.length ?? 0}</Size></Contents>`,
    );
    const next =
      names.length > page.length
        ? `<NextContinuationToken>${escaped(page.at(-1) ?? "")}</NextContinuationToken>`
        : "";
    return xml(
      `<ListBucketResult><IsTruncated>${next !== ""}</IsTruncated>${contents.join("")}${next}</ListBucketResult>`,
    );
  }

  function uploadListing(query: URLSearchParams): string {
    const uploads = objects
      .uploads(query.get("prefix") ?? "")
      .map(
        ({ id, key }) => `<Upload><Key>${escaped(key)}</Key><UploadId>${id}</UploadId></Upload>`,
      );
    return xml(
      `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${uploads.join("")}</ListMultipartUploadsResult>`,
    );
  }

  return {
    url: `http://127.0.0.1:${port}`,
    bucket,
    mood,
    keys: () => objects.names(""),
    object: (key) => objects.get(key)?.bytes,
    meddle(key, bytes) {
      if (bytes === undefined) objects.remove(key);
      else objects.put(key, bytes, undefined);
    },
    openUploads: () => objects.uploads("").map(({ key }) => key),
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function demandDigest(
  request: IncomingMessage,
  body: Buffer,
  header: string,
  algorithm: "md5" | "sha256",
  code: string,
): void {
  const given = request.headers[header];
  if (given === undefined) return;
  if (given !== createHash(algorithm).update(body).digest("base64")) {
    throw new Refusal(400, code, `The ${header} is not that of the body.`);
  }
}

function partsIn(text: string): { readonly number: number; readonly etag: string }[] {
  return [...text.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = ""]) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: /<ETag>(?:&quot;|&#34;|")?([0-9a-f-]+)/.exec(part)?.[1] ?? "",
  }));
}

function send(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, body === "" ? {} : { "content-type": "application/xml" });
  response.end(body);
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
