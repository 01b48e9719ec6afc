import { createScrubber } from "../core/redaction.ts";
import type { Secret } from "../core/secret.ts";
import type { HttpAnswer, HttpApi, HttpRequest } from "./http-api.ts";
import { SystemError, safeCause } from "./system-error.ts";

/** Says what is wrong with an address that is a secret, without quoting any of it. */
export function secretUrlProblem(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return "is no address such as https://example.com/…";
  if (url.protocol !== "https:" && url.protocol !== "http:") {
    return "is an address that starts with neither https:// nor http://";
  }
  return url.username === "" && url.password === ""
    ? undefined
    : "holds a user or password, which an address may not";
}

type SecretRequest = Omit<HttpRequest, "url"> & { readonly url: Secret };

/**
 * Asks at an address whose path is as good as a password. Answers other than 2xx are failures, redirects among them: they
 * are not followed. What is thrown names the host and no more.
 *
 * @throws {SystemError}
 */
export async function askSecretly(
  http: Pick<HttpApi, "request">,
  system: string,
  { url, ...request }: SecretRequest,
  signal: AbortSignal,
): Promise<void> {
  const revealed = url.reveal();
  let answer: HttpAnswer;
  try {
    answer = await http.request({ ...request, url: revealed }, signal);
  } catch (error) {
    if (!(error instanceof SystemError)) throw error;
    const { kind, code } = error;
    const hide = hiding(url);
    throw new SystemError(system, kind, hide(error.message), {
      cause: safeCause(error, hide),
      code,
    });
  }
  const { status } = answer;
  if (status >= 200 && status < 300) return;
  const where = `${request.method} ${originOf(revealed)}/…`;
  throw new SystemError(system, kindOf(status), `${where}: answered ${status}`);
}

/** An error names the address without its query; the path that is left is still as good as a password. */
function hiding(url: Secret): (text: string) => string {
  const scrub = createScrubber([url]);
  const { origin, pathname } = new URL(url.reveal());
  return (text) =>
    pathname === "/" ? scrub(text) : scrub(text.replaceAll(`${origin}${pathname}`, `${origin}/…`));
}

function originOf(revealed: string): string {
  return new URL(revealed).origin;
}

function kindOf(status: number): SystemError["kind"] {
  if (status === 401 || status === 403) return "unauthorized";
  if (status === 429) return "rate-limited";
  // Whoever fails in the middle may have taken it.
  return status >= 500 ? "unreachable" : "rejected";
}
