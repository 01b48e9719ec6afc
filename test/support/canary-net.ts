/** A net that every text falls into which left the bot: it knows the secrets, and names what it caught without telling it. */
export type CanaryNet = {
  /** From now on these are looked for. */
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
  let caught = new Map<string, Leak>();
  return {
    know: (secrets) => {
      for (const [name, secret] of Object.entries(secrets)) {
        if (secret.length < SHORTEST) throw new Error(`${name} is too short to be looked for.`);
        for (const spelling of spellingsOf(secret)) spellings.set(spelling, name);
      }
    },
    look: (sink, text) => {
      for (const [spelling, secret] of spellings) {
        if (text.includes(spelling)) caught.set(`${secret} ${sink}`, { secret, sink });
      }
    },
    take: () => {
      const leaks = [...caught.values()];
      caught = new Map();
      return leaks;
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
