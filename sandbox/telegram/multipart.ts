/** One part of a multipart/form-data body; a part with a file name is a file. */
export type Part = {
  readonly name: string;
  readonly fileName: string | undefined;
  readonly type: string;
  readonly bytes: Buffer;
};

const CRLF = Buffer.from("\r\n");
const HEAD_END = Buffer.from("\r\n\r\n");

/**
 * Reads a multipart/form-data body as leniently as the real server does. Node's own reader refuses file names that are
 * neither quoted nor ASCII, which is what grammY sends.
 */
export function readMultipart(body: Buffer, contentType: string): readonly Part[] | undefined {
  const boundary = parameter(contentType, "boundary");
  if (boundary === undefined) return undefined;
  const delimiter = Buffer.from(`--${boundary}`);
  const parts: Part[] = [];
  let start = body.indexOf(delimiter);
  while (start >= 0) {
    const from = start + delimiter.length;
    if (body.subarray(from, from + 2).toString() === "--") return parts;
    const end = body.indexOf(Buffer.concat([CRLF, delimiter]), from);
    const part = end < 0 ? undefined : readPart(body.subarray(from + CRLF.length, end));
    if (part === undefined) return undefined;
    parts.push(part);
    start = end + CRLF.length;
  }
  return undefined;
}

function readPart(bytes: Buffer): Part | undefined {
  const headEnd = bytes.indexOf(HEAD_END);
  if (headEnd < 0) return undefined;
  const head = bytes.subarray(0, headEnd).toString();
  const disposition = header(head, "content-disposition") ?? "";
  const name = parameter(disposition, "name");
  if (name === undefined) return undefined;
  return {
    name,
    fileName: parameter(disposition, "filename"),
    type: header(head, "content-type") ?? "application/octet-stream",
    bytes: bytes.subarray(headEnd + HEAD_END.length),
  };
}

function header(head: string, name: string): string | undefined {
  const line = head.split("\r\n").find((line) => line.toLowerCase().startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** The value of `name=value` or `name="value"` behind a semicolon. */
function parameter(text: string, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;]*))`, "i").exec(text);
  return match?.[1]?.replace(/\\(.)/g, "$1") ?? match?.[2]?.trim();
}
