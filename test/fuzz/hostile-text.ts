import * as fc from "fast-check";

/** What has broken other programs that show or parse text: each piece with a reason of its own. */
const PIECES = [
  // Controls, and what steers a terminal.
  "\0",
  "\u001b[31m",
  "\u0007",
  "\r\n",
  "\n",
  "\t",
  "\u0085",
  // What hides and reorders.
  "\u202e",
  "\u2066",
  "\u200b",
  "\u200d",
  "\ufeff",
  "\u00ad",
  "\u2028",
  "\u{e0041}",
  "مرحبا",
  "שלום",
  // Halves of characters, characters of several units, and letters with a tower of marks on them.
  "\ud83d",
  "\ude00",
  "😀",
  "👩‍🚀",
  `z${"\u0351\u0322\u0489".repeat(12)}`,
  // Markup of everybody who might read it.
  "```",
  "`",
  "<b>",
  "</b>",
  "&amp;",
  "*_[x](tg://user?id=1003)",
  "<!-- end 42 -->",
  "\n## #43 · ",
  "${env:HOME}",
  "{{7*7}}",
  "'; drop table run; --",
  "../../etc/passwd",
  // Words that every object knows, quotes, dashes and mentions.
  "__proto__",
  "constructor",
  '"',
  "“",
  "”",
  "'",
  "--",
  "—",
  "@",
  "/",
  " ",
  "%00",
  "-1e999",
] as const;

/** Text as somebody sends it who wants to break us: well chosen pieces, any characters, and halves of some. */
export const hostileText: fc.Arbitrary<string> = fc
  .oneof(
    { weight: 3, arbitrary: fc.array(fc.constantFrom(...PIECES), { maxLength: 12 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.string({ unit: "binary", maxLength: 12 }), { maxLength: 4 }),
    },
    { weight: 1, arbitrary: fc.array(anyUnit(), { maxLength: 24 }) },
    {
      weight: 2,
      arbitrary: fc.array(fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 8 })), {
        maxLength: 10,
      }),
    },
  )
  .map((pieces) => pieces.join(""));

/** One unit of UTF-16, which may be half of a character. */
function anyUnit(): fc.Arbitrary<string> {
  return fc.nat({ max: 0xffff }).map((unit) => String.fromCharCode(unit));
}

/** Any JSON, with names among it that every object knows. */
export const hostileJson: fc.Arbitrary<unknown> = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 5 },
    fc.oneof(
      hostileText,
      fc.integer(),
      fc.double({ noDefaultInfinity: true, noNaN: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie("value"), { maxLength: 5 }),
    fc
      .array(
        fc.tuple(fc.oneof(hostileText, fc.constantFrom("__proto__", "id", "data")), tie("value")),
        {
          maxLength: 5,
        },
      )
      .map((members) => withMembers(members)),
  ),
})).value;

/** Members by definition rather than by assignment, for `__proto__` is to be one like any other. */
function withMembers(members: readonly (readonly [string, unknown])[]): object {
  return Object.fromEntries(members);
}

/** The same value with something else in some of its places: another type, nothing, more, or a hostile text. */
export function changed(value: unknown): fc.Arbitrary<unknown> {
  const places = placesIn(value);
  const change = fc.tuple(
    fc.constantFrom(...places),
    fc.oneof(
      hostileJson,
      fc.constantFrom(undefined, null, {}, [], "", 0, -1, 1e300, true, "0", "true"),
    ),
  );
  return fc
    .array(change, { minLength: 1, maxLength: 3 })
    .map((changes) => changes.reduce((whole, [path, put]) => withPlace(whole, path, put), value));
}

type Place = readonly (string | number)[];

/** Where something stands, the whole of it among it. */
function placesIn(value: unknown): readonly Place[] {
  if (typeof value !== "object" || value === null) return [[]];
  const inner = Object.entries(value).flatMap(([name, member]) =>
    placesIn(member).map((place) => [name, ...place]),
  );
  return [[], ...inner];
}

function withPlace(whole: unknown, [name, ...rest]: Place, put: unknown): unknown {
  if (name === undefined) return put;
  if (typeof whole !== "object" || whole === null) return whole;
  if (Array.isArray(whole)) {
    return whole.map((item, index) => (String(index) === name ? withPlace(item, rest, put) : item));
  }
  const members = Object.entries(whole).filter(([member]) => member !== name);
  const member = withPlace((whole as Readonly<Record<string, unknown>>)[name], rest, put);
  return Object.fromEntries(member === undefined ? members : [...members, [name, member]]);
}
