import { readMultipart } from "./multipart.ts";
import { badRequest } from "./refusal.ts";

/** A file that came with a request. */
export type Upload = {
  readonly name: string;
  readonly type: string;
  readonly bytes: Uint8Array;
};

export type Fields = Readonly<Record<string, unknown>>;

const ATTACHED = "attach://";

/**
 * The fields of a request, from its query and its body. The Bot API takes JSON, urlencoded and multipart bodies alike;
 * in the latter two every value is text, and whoever knows the method's fields decides what it means.
 */
export async function readFields(request: Request): Promise<Fields> {
  const query = Object.fromEntries(new URL(request.url).searchParams);
  const contentType = request.headers.get("content-type") ?? "";
  if (contentType.startsWith("application/json")) {
    return { ...query, ...(await readJson(request)) };
  }
  if (contentType.startsWith("multipart/form-data")) {
    return { ...query, ...(await readForm(request, contentType)) };
  }
  if (contentType.startsWith("application/x-www-form-urlencoded")) {
    return { ...query, ...Object.fromEntries(new URLSearchParams(await request.text())) };
  }
  return query;
}

async function readJson(request: Request): Promise<Fields> {
  const text = await request.text();
  if (text === "") return {};
  const value = parseJson(text);
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badRequest("can't parse request body as a JSON object");
  }
  return value as Fields;
}

async function readForm(request: Request, contentType: string): Promise<Fields> {
  const parts = readMultipart(Buffer.from(await request.arrayBuffer()), contentType);
  if (parts === undefined) throw badRequest("can't parse request body as a form");
  const texts = parts.filter((part) => part.fileName === undefined);
  const uploads = new Map(
    parts.flatMap(({ name, fileName, type, bytes }) =>
      fileName === undefined
        ? []
        : [[name, { name: fileName, type, bytes: new Uint8Array(bytes) }] as const],
    ),
  );
  // A field may point at a file elsewhere in the form, or be the file itself.
  const resolved = texts.map(({ name, bytes }): readonly [string, string | Upload] => {
    const text = bytes.toString();
    if (!text.startsWith(ATTACHED)) return [name, text];
    const attached = uploads.get(text.slice(ATTACHED.length));
    uploads.delete(text.slice(ATTACHED.length));
    return [name, attached ?? text];
  });
  return Object.fromEntries([...resolved, ...uploads]);
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
