import type { Role } from "../core/operator.ts";

/** What the first set-up has found out. */
export type FirstConfig = {
  readonly target: string;
  readonly timeZone: string;
  /** How the file refers to the bot's token: `${file:…}` or `${env:…}`. */
  readonly tokenReference: string;
  /** Another Bot API server than Telegram's own. */
  readonly apiRoot: string | undefined;
  readonly group: { readonly id: number; readonly title: string };
  readonly topics: readonly { readonly id: number; readonly name: string | undefined }[];
  readonly operators: readonly {
    readonly name: string;
    readonly telegram: number;
    readonly role: Role;
    readonly os: string | undefined;
  }[];
  /** What to ask first, when somebody named an address that should answer. */
  readonly healthUrl: string | undefined;
};

/** The text of a first configuration: valid as it stands, and a start to write on from. */
export function firstConfig(learnt: FirstConfig): string {
  return `${[
    head(learnt),
    telegram(learnt),
    operators(learnt),
    HEALTH,
    storage(learnt),
    checks(learnt),
  ].join("\n\n")}\n`;
}

function head({ target, timeZone }: FirstConfig): string {
  return `# Written by \`flightdeck init\`; from here on it is yours.
#
# A value that must not stand in a file is a reference: \${env:NAME} reads an environment variable, \${file:path} a file.
# A secret has to be one. \`flightdeck config check\` tells every mistake with its line.

# What is operated. The name stands on every card and in every entry.
target: ${quoted(target)}
timeZone: ${quoted(timeZone)}`;
}

function telegram({ tokenReference, apiRoot, group, topics }: FirstConfig): string {
  const seen = topics.map(
    ({ id, name }) => `${id}${name === undefined ? "" : ` ${comment(name)}`}`,
  );
  return [
    "telegram:",
    `  token: ${quoted(tokenReference)}`,
    ...(apiRoot === undefined ? [] : [`  apiRoot: ${quoted(apiRoot)}`]),
    `  # ${comment(group.title)}. Nobody is heard anywhere else but in operators' private chats.`,
    ...(seen.length === 0
      ? []
      : [`  # All its topics belong to it; seen were: ${seen.join(", ")}.`]),
    `  chat: ${group.id}`,
  ].join("\n");
}

function operators(learnt: FirstConfig): string {
  return [
    "# Who may do what: a viewer looks, an operator acts, an approver also gives the second yes. Only the number counts.",
    "operators:",
    ...learnt.operators.flatMap(({ name, telegram: id, role, os }) => [
      `  - name: ${quoted(withoutReference(name))}`,
      `    telegram: ${id}`,
      `    role: ${role}`,
      ...(os === undefined
        ? []
        : ["    # Who this is on the command line of this machine.", `    os: ${quoted(os)}`]),
    ]),
  ].join("\n");
}

const HEALTH = `# How this process is, for this machine alone: 127.0.0.1:9464 answers /healthz, /readyz and /metrics. A container's health
# is asked there.
http: {}`;

function storage({ target }: FirstConfig): string {
  return `# Everything that must survive. Without \`database\` and \`redis\` Flightdeck runs its own PostgreSQL and Redis in here.
data: data

# The evidence log as a file: log.md, its closed parts and the public keys. No other log may lie there.
evidence:
  directory: ${quoted(`comms/${target}`)}`;
}

function checks({ healthUrl, tokenReference, apiRoot }: FirstConfig): string {
  return [
    `# A check is named by the statement that is true on a good day, so that "fail: api-is-live" reads as a sentence.`,
    "checks:",
    "  # This bot is able to do nothing that it does not need.",
    "  ops-bot-is-safe:",
    "    kind: telegram-bot",
    `    token: ${quoted(tokenReference)}`,
    ...(apiRoot === undefined ? [] : [`    apiRoot: ${quoted(apiRoot)}`]),
    "    every: 5m",
    "",
    ...(healthUrl === undefined
      ? [
          "  # To go on, give this one an address of yours that answers 200, and take it out of its comment.",
          ...liveness("https://api.example.com/health/live").map((line) =>
            line.replace(/^ {2}/, "  # "),
          ),
        ]
      : liveness(healthUrl)),
  ].join("\n");
}

function liveness(url: string): readonly string[] {
  return [
    "  api-is-live:",
    "    kind: http",
    `    url: ${quoted(url)}`,
    "    expect:",
    "      # Here the connection is the question, so a refused one is a failure. Elsewhere it means: we could not look.",
    "      reachable: true",
    "      status: 200",
    "    for: 1m",
  ];
}

/** People choose their own names, and a name must not read a file or a variable. */
function withoutReference(text: string): string {
  return text.replaceAll("${", "$ {");
}

/** A text as YAML takes it for what it is; JSON's quotes are YAML's. */
function quoted(text: string): string {
  const isWord = /^[A-Za-z_][\w./+-]*$/.test(text) && !NOT_A_TEXT.test(text);
  const isPlain = isWord || REFERENCE.test(text) || ADDRESS.test(text);
  return isPlain ? text : JSON.stringify(text.toWellFormed());
}

const NOT_A_TEXT = /^(?:true|false|null|yes|no|on|off)$/i;
const REFERENCE = /^\$\{(?:env|file):[\w./-]+\}$/;
const ADDRESS = /^https?:\/\/[\w.:/-]*\w\/?$/;

/** A text that stays inside its comment. */
function comment(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Zl}\p{Zp}]/gu, " ").toWellFormed();
}
