import { describe, expect, test } from "vitest";

import { parseConfig } from "./load-config.ts";

const environment = {
  BOT_TOKEN: `123456789:${"A".repeat(35)}`,
  PING: "https://heartbeat.example.com/of-this-bot",
  CALL: "https://calls.example.com/of-this-team",
  SECRET: "s".repeat(40),
};
const FILE = `
target: production
telegram:
  token: \${env:BOT_TOKEN}
  chat: -1001000000001
TELEGRAM
operators:
  - { name: Ada, telegram: 1003, role: approver }
  - { name: Otto, telegram: 1002, role: operator, email: otto@example.com }
checks:
  api-is-live:
    kind: http
    url: https://api.example.com/health/live
`;

/** What is wrong with a file that has these lines too, each problem with its place. */
function problems(more: string, telegram = ""): readonly string[] {
  const text = `${FILE.replace("TELEGRAM", telegram)}\n${more}\n`;
  const readFile = (): string => {
    throw new Error("there are no files");
  };
  const loaded = parseConfig(text, { environment, readFile });
  return loaded.ok ? [] : loaded.problems.map(({ path, message }) => `${path}: ${message}`);
}

const rotation = (...names: readonly string[]): string =>
  `onCall: { rotation: [${names.join(", ")}], since: 2026-11-23 }`;
const SMTP = "secondPath: { smtp: { host: smtp.example.com, from: ops@example.com } }";
const HEARTBEAT = "heartbeat: { url: '${env:PING}' }";

describe("a bot on the server that it watches", () => {
  test("is refused without somebody outside who waits for its sign of life", () => {
    expect(problems("runsBesideProduction: true")).toEqual([
      expect.stringMatching(/^heartbeat: is missing; beside production it would go down together/),
    ]);
  });

  test("is valid with one, and elsewhere none is demanded", () => {
    expect(problems(`runsBesideProduction: true\n${HEARTBEAT}`)).toEqual([]);
    expect(problems("runsBesideProduction: false")).toEqual([]);
    expect(problems("")).toEqual([]);
  });

  test("takes the address of its heartbeat by reference alone, and only one that is one", () => {
    expect(problems("heartbeat: { url: https://heartbeat.example.com/secret }")).toEqual([
      expect.stringContaining("a secret belongs in a reference"),
    ]);
    expect(problems("heartbeat: { url: '${env:SECRET}' }")).toEqual([
      "heartbeat.url: is no address such as https://example.com/…",
    ]);
  });
});

describe("whoever is on call", () => {
  test("is an operator; a name that is none is told with the one that was meant", () => {
    expect(problems(rotation("Ada", "Oto"))).toEqual([
      'onCall.rotation[1]: there is no operator "Oto"; did you mean Otto?',
    ]);
    expect(problems(rotation("Ada", "Otto"))).toEqual([]);
  });

  test("can be reached when calls are mailed", () => {
    expect(problems(`${rotation("Otto", "Ada")}\n${SMTP}`)).toEqual([
      expect.stringMatching(/^onCall\.rotation\[1\]: Ada has no email/),
    ]);
    expect(problems(`${rotation("Otto")}\n${SMTP}`)).toEqual([]);
    const team = SMTP.replace("from:", "to: [team@example.com], from:");
    expect(problems(`${rotation("Ada")}\n${team}`)).toEqual([]);
    const webhook = SMTP.replace(
      "secondPath: {",
      "secondPath: { webhook: { url: '${env:CALL}', secret: '${env:SECRET}' },",
    );
    expect(problems(`${rotation("Ada")}\n${webhook}`)).toEqual([]);
  });
});

describe("one address for Telegram and for machines", () => {
  const webhook = (path: string): string =>
    `  webhook: { url: "https://bot.example.com${path}", secret: "\${env:SECRET}", listen: "127.0.0.1:8080" }`;
  const http = (port: number): string => `http: { listen: "127.0.0.1:${port}" }`;

  test("is shared, unless both want the same path", () => {
    expect(problems(http(8080), webhook("/telegram"))).toEqual([]);
    expect(problems(http(9464), webhook("/metrics"))).toEqual([]);
    expect(problems(http(8080), webhook("/metrics"))).toEqual([
      "telegram.webhook.url: /metrics is answered by http at the same address",
    ]);
  });
});
