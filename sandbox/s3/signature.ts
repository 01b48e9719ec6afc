import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";

export type Keys = { readonly accessKeyId: string; readonly secretAccessKey: string };

/** How a request's signature (AWS Signature Version 4, in its header form) is wrong, in the words of S3; or nothing. */
export function signatureProblem(
  request: IncomingMessage,
  body: Buffer,
  keys: Keys,
): { readonly code: string; readonly message: string } | undefined {
  const authorization = request.headers.authorization ?? "";
  const [, key, date, region, signed = "", given = ""] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
      authorization,
    ) ?? [];
  if (key === undefined || date === undefined || region === undefined) {
    return { code: "AccessDenied", message: "The request is not signed." };
  }
  if (key !== keys.accessKeyId) {
    return { code: "InvalidAccessKeyId", message: "The access key does not exist." };
  }
  const hash = headerOf(request, "x-amz-content-sha256");
  if (hash !== createHash("sha256").update(body).digest("hex")) {
    return { code: "XAmzContentSHA256Mismatch", message: "The body is not what was signed." };
  }
  const names = signed.split(";");
  for (const name of ["host", "x-amz-date", "x-amz-content-sha256"]) {
    if (!names.includes(name)) return { code: "AccessDenied", message: `${name} is not signed.` };
  }
  const expected = signatureOf(request, names, { hash, date, region }, keys.secretAccessKey);
  if (timingSafeEqual(Buffer.from(expected), Buffer.from(given))) return undefined;
  return { code: "SignatureDoesNotMatch", message: "The signature does not match." };
}

function signatureOf(
  request: IncomingMessage,
  names: readonly string[],
  { hash, date, region }: { readonly hash: string; readonly date: string; readonly region: string },
  secret: string,
): string {
  const [path = "", query = ""] = (request.url ?? "").split("?", 2);
  const canonical = [
    request.method,
    path,
    query
      .split("&")
      .filter((part) => part !== "")
      .map((part) => (part.includes("=") ? part : `${part}=`))
      .toSorted()
      .join("&"),
    ...names.map((name) => `${name}:${headerOf(request, name).trim().replace(/ +/g, " ")}`),
    "",
    names.join(";"),
    hash,
  ].join("\n");
  const scope = `${date}/${region}/s3/aws4_request`;
  const text = [
    "AWS4-HMAC-SHA256",
    headerOf(request, "x-amz-date"),
    scope,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const hmac = (key: string | Buffer, data: string): Buffer =>
    createHmac("sha256", key).update(data).digest();
  const signing = [date, region, "s3", "aws4_request"].reduce<string | Buffer>(
    hmac,
    `AWS4${secret}`,
  );
  return hmac(signing, text).toString("hex");
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : (value ?? "");
}
