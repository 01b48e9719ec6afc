import { fetch as request, type RequestInit } from "undici";

import { SystemError } from "./system-error.ts";

/**
 * A `fetch` for a client that puts its token into the URL. Its errors name the method that was called and never the
 * URL, so that nothing that logs, stores or shows them can leak the token.
 *
 * @throws {SystemError} unreachable when no answer came; the request may have had its effect all the same
 */
export async function tokenSafeFetch(
  url: string | URL,
  init: { readonly signal?: AbortSignal | null; readonly [option: string]: unknown } = {},
): Promise<Response> {
  // The client brings options of another fetch and a signal of another class; only what is standard goes on.
  const { method, headers, body, signal } = init;
  const standard = { method, headers, body, signal: adopt(signal) } as RequestInit;
  try {
    const streaming = body !== undefined && typeof body !== "string";
    const answer = await request(url, streaming ? { ...standard, duplex: "half" } : standard);
    return answer;
  } catch (error) {
    const called = methodOf(url);
    throw new SystemError("telegram", "unreachable", `no answer to ${called} (${codeOf(error)})`);
  }
}

/** The last part of the path, unless that is the token itself. */
function methodOf(url: string | URL): string {
  const last = URL.parse(String(url))?.pathname.split("/").at(-1) ?? "";
  return /^[A-Za-z]{1,64}$/.test(last) ? last : "a method";
}

function adopt(signal: AbortSignal | null | undefined): AbortSignal | null {
  if (!signal || signal instanceof AbortSignal) return signal ?? null;
  const foreign: EventTarget & { readonly aborted: boolean } = signal;
  const own = new AbortController();
  if (foreign.aborted) own.abort();
  foreign.addEventListener("abort", () => own.abort(), { once: true });
  return own.signal;
}

function codeOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (cause instanceof Error) {
    return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name;
  }
  return "unknown";
}
