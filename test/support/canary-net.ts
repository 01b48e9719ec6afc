/** A net that every text falls into which left the bot: it knows the secrets, and names what it caught without telling it. */
export type CanaryNet = {
  /** From now on these are looked for, and in what was seen lately: what is made on the way is used before we hear of it. */
  know(secrets: Readonly<Record<string, string>>): void;
  look(sink: string, text: string): void;
  /** What was caught since the last time, each leak once. */
  take(): readonly Leak[];
};

type Leak = {
  /** The name of the secret. */
  readonly secret: string;
  readonly sink: string;
};

/** A shorter one would be found in ordinary words. */
const SHORTEST = 16;

export function createCanaryNet(): CanaryNet {
  const spellings = new Map<string, string>();
  const seen = createMemory(REMEMBERED_CHARACTERS);
  let caught = new Map<string, Leak>();
  const search = (all: Iterable<readonly [string, string]>, sink: string, text: string): void => {
    for (const [spelling, secret] of all) {
      if (text.includes(spelling)) caught.set(`${secret} ${sink}`, { secret, sink });
    }
  };
  return {
    know: (secrets) => {
      for (const [name, secret] of Object.entries(secrets)) {
        if (secret.length < SHORTEST) throw new Error(`${name} is too short to be looked for.`);
        const news = [...spellingsOf(secret)]
          .filter((spelling) => !spellings.has(spelling))
          .map((spelling) => [spelling, name] as const);
        for (const [spelling] of news) spellings.set(spelling, name);
        if (news.length > 0) for (const { sink, text } of seen.all()) search(news, sink, text);
      }
    },
    look: (sink, text) => {
      search(spellings, sink, text);
      seen.add({ sink, text });
    },
    take: () => {
      const leaks = [...caught.values()];
      caught = new Map();
      return leaks;
    },
  };
}

/** As much as is said between the making of a secret and the moment that we hear of it, many times over. */
const REMEMBERED_CHARACTERS = 8_000_000;

type Seen = { readonly sink: string; readonly text: string };

/** The newest of what was seen, as long as it is not too much. */
function createMemory(limit: number) {
  let kept: Seen[] = [];
  let length = 0;
  return {
    all: (): readonly Seen[] => kept,
    add(seen: Seen): void {
      kept.push(seen);
      length += seen.text.length;
      if (length <= limit) return;
      // Half of it at once, so that forgetting costs nothing each time.
      kept = kept.slice(Math.ceil(kept.length / 2));
      length = kept.reduce((sum, { text }) => sum + text.length, 0);
    },
  };
}

/** As itself, in a URL, in JSON, in base64 wherever it stands in the encoded text, and as PostgreSQL shows bytes. */
function spellingsOf(secret: string): ReadonlySet<string> {
  const encoded = [0, 1, 2].map((offset) => base64At(secret, offset));
  return new Set([
    secret,
    encodeURIComponent(secret),
    JSON.stringify(secret).slice(1, -1),
    ...encoded,
    ...encoded.map((text) => text.replaceAll("+", "-").replaceAll("/", "_")),
    Buffer.from(secret).toString("hex"),
  ]);
}

/** The characters that depend on nothing but the secret when it begins at such a byte of three. */
function base64At(secret: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
  const first = Math.ceil((offset * 8) / 6);
  const last = Math.floor((bytes.length * 8) / 6);
  return bytes.toString("base64").slice(first, last);
}
