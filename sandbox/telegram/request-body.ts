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
    return { ...query, ...(await readForm(request)) };
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

async function readForm(request: Request): Promise<Fields> {
  const texts: Record<string, string> = {};
  const uploads: Record<string, Upload> = {};
  for (const [name, value] of await request.formData()) {
    if (typeof value === "string") texts[name] = value;
    else uploads[name] = await readUpload(value);
  }
  const used = new Set<string>();
  const resolved = Object.entries(texts).map(([name, text]) => {
    const attachment = text.startsWith(ATTACHED) ? text.slice(ATTACHED.length) : undefined;
    if (attachment === undefined || uploads[attachment] === undefined) return [name, text];
    used.add(attachment);
    return [name, uploads[attachment]];
  });
  const direct = Object.entries(uploads).filter(([name]) => !used.has(name));
  return Object.fromEntries([...resolved, ...direct]);
}

async function readUpload(file: File): Promise<Upload> {
  return {
    name: file.name,
    type: file.type || "application/octet-stream",
    bytes: new Uint8Array(await file.arrayBuffer()),
  };
}

/** Undefined for what is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
