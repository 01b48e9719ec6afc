import { GrammyError, HttpError } from "grammy";
import { describe, expect, test } from "vitest";

import { createLearningScrubber, createScrubber } from "./core/redaction.ts";
import { Secret } from "./core/secret.ts";
import { createLogger } from "./logger.ts";
import { SystemError } from "./systems/system-error.ts";

const TOKEN = ["7000000001", "AbCdEfGhIjKlMnOpQrStUvWxYz012345678"].join(":");
const PASSWORD = 'correct "horse" \\ battery';

function loggedBy(write: (logger: ReturnType<typeof createLogger>) => void): readonly string[] {
  const lines: string[] = [];
  const scrub = createScrubber([new Secret(PASSWORD), new Secret("hook-secret-value")]);
  write(createLogger((line) => lines.push(line), scrub));
  return lines;
}

const errorLine = (err: unknown): string =>
  loggedBy((logger) => logger.warn({ err }, "calling")).join("");

test("a line is one JSON object with level, time and what was said", () => {
  const [text = ""] = loggedBy((logger) => logger.info({ target: "alpha" }, "started\nreally"));
  expect(text.trimEnd()).not.toContain("\n");
  const line = JSON.parse(text) as Record<string, unknown>;
  expect(line).toMatchObject({ level: 30, target: "alpha", msg: "started\nreally" });
  expect(new Date(line["time"] as string).getTime()).toBeGreaterThan(0);
  expect(Object.keys(line).toSorted()).toEqual(["level", "msg", "target", "time"]);
});

describe("no secret gets into a log", () => {
  test("also none that was made after the start, once it is learnt", () => {
    const lines: string[] = [];
    const { scrub, learn } = createLearningScrubber([]);
    const logger = createLogger((line) => lines.push(line), scrub);
    const minted = "a-token-that-was-just-made";
    learn(new Secret(minted));
    logger.warn({ err: new Error(`Coolify refused ${minted}`) }, minted);
    expect(lines.join("")).not.toContain(minted);
    expect(lines.join("")).toContain("Coolify refused [secret]");
  });

  const deep = (message: string): Error => {
    const inner = new Error(message);
    const middle = new SystemError("telegram", "unreachable", "middle", { cause: inner });
    return new Error("outer", { cause: middle });
  };
  const payloadError = new GrammyError(
    "Call to 'setWebhook' failed!",
    { ok: false, error_code: 400, description: "Bad Request: bad webhook" },
    "setWebhook",
    { url: "https://example.test", secret_token: "payload-only-value" },
  );
  const networkError = new HttpError(
    "Network request for 'getMe' failed!",
    new Error(`request to https://api.telegram.org/bot${TOKEN}/getMe failed`),
  );

  test.each<[string, unknown]>([
    ["in a message", new Error(`GET /bot${TOKEN}/getMe`)],
    ["in the cause of a cause", deep(`at /bot${TOKEN}/`)],
    ["by its very value", new Error(`the password is ${PASSWORD}`)],
    ["in a name", Object.assign(new Error("x"), { name: PASSWORD })],
    [
      "in what hangs on an error",
      Object.assign(new Error("x"), { url: `/bot${TOKEN}/`, PASSWORD }),
    ],
    ["in the payload of a call that was refused", payloadError],
    ["in the neighbour of a network error", networkError],
    ["in the payload behind a cause", new Error("sending", { cause: payloadError })],
    ["in a text that was thrown", `thrown /bot${TOKEN}/ hook-secret-value`],
  ])("%s", (_where, err) => {
    const line = errorLine(err);
    expect(line).toContain("calling");
    expect(line).not.toContain(TOKEN);
    expect(line).not.toMatch(/horse|hook-secret|payload-only/);
    expect(() => JSON.parse(line) as unknown).not.toThrow();
  });

  test("in any other field either", () => {
    const lines = loggedBy((logger) => {
      logger.info({ note: `x ${PASSWORD}`, nested: { token: TOKEN } }, `said ${TOKEN}`);
      logger.error({ secret: new Secret("never-printed-value") }, "with a secret");
    }).join("");
    expect(lines).not.toContain(TOKEN);
    expect(lines).not.toMatch(/horse|never-printed/);
    expect(lines).toContain("[secret]");
  });
});

describe("an error is told by name, message, kind and causes", () => {
  test("with its place when nobody foresaw it", () => {
    const line = JSON.parse(errorLine(new TypeError("oops", { cause: new Error("why") }))) as {
      readonly err: { readonly stack: string };
    };
    expect(line.err).toMatchObject({
      name: "TypeError",
      message: "oops",
      cause: { message: "why" },
    });
    expect(line.err.stack).toContain("logger.test.ts");
  });

  test("without its place when it has a kind", () => {
    const error = new SystemError("postgres", "timeout", "no answer");
    const line = JSON.parse(errorLine(error)) as { readonly err: object };
    expect(line.err).toEqual({ name: "SystemError", message: "no answer", kind: "timeout" });
  });

  test("and a chain of causes without end has an end", () => {
    const error = new Error("round and round");
    error.cause = error;
    expect(errorLine(error).match(/round and round/g)?.length).toBeLessThan(20);
  });

  test.each([[undefined], [null], [7], [{ code: 7 }]])(
    "and %j is no error but no trouble",
    (thrown) => {
      expect(errorLine(thrown)).toContain('"msg":"calling"');
    },
  );
});
