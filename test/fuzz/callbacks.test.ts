import * as fc from "fast-check";
import type { Update } from "grammy/types";
import { expect, test } from "vitest";

import { intakeSchema, type GateRules } from "../../src/bot/gate.ts";
import { takeIn, type IntakeParts } from "../../src/bot/intake.ts";
import {
  isGenuineToken,
  NONCE_BYTES,
  readToken,
  sealToken,
  type TokenAction,
  type TokenScope,
} from "../../src/core/approval-token.ts";
import { breath, cases, FUZZ_TIMEOUT_MS } from "./cases.ts";
import { hostileJson, hostileText } from "./hostile-text.ts";

const bytes = (length: number): fc.Arbitrary<Buffer> =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((array) => Buffer.from(array));

const action: fc.Arbitrary<TokenAction> = fc.oneof(
  fc.constantFrom<TokenAction>({ kind: "yes" }, { kind: "no" }, { kind: "withdraw" }),
  fc.nat({ max: 2 }).map((index) => ({ kind: "code", index }) as const),
);
const scope: fc.Arbitrary<TokenScope> = fc.record({
  botId: fc.integer({ min: 1, max: 9_999_999_999 }),
  chatId: fc.integer({ min: -1_999_999_999_999, max: 9_999_999_999 }),
  topicId: fc.option(fc.integer({ min: 1, max: 99_999 }), { nil: undefined }),
  question: fc.string({ unit: "binary", maxLength: 64 }),
});
const sealed = fc
  .record({
    key: bytes(32),
    action,
    nonce: bytes(NONCE_BYTES),
    expiresAt: fc.integer({ min: 0, max: 0xffff_ffff }).map((seconds) => new Date(seconds * 1_000)),
    scope,
  })
  .map((made) => ({ ...made, token: sealToken(made.key, made, made.scope) }));

test(
  "every token is read back as it was sealed, and holds where it was sealed for",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(sealed, async ({ key, token, scope, action, nonce, expiresAt }) => {
          expect(readToken(token)).toEqual({ action, nonce, expiresAt });
          expect(isGenuineToken(key, token, scope)).toBe(true);
        })
        .beforeEach(breath),
      cases(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/** What somebody may do to a token that he holds. */
type Forgery =
  | { readonly kind: "bits"; readonly at: number; readonly bits: number }
  | { readonly kind: "piece"; readonly from: number; readonly cut: number; readonly put: string }
  | { readonly kind: "other"; readonly text: string };

const forgery: fc.Arbitrary<Forgery> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("bits" as const),
      at: fc.nat({ max: 37 }),
      bits: fc.integer({ min: 1, max: 255 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("piece" as const),
      from: fc.nat({ max: 51 }),
      cut: fc.nat({ max: 51 }),
      put: fc.oneof(
        hostileText,
        fc
          .array(fc.constantFrom(...Array.from(ALPHABET)), { maxLength: 51 })
          .map((all) => all.join("")),
      ),
    }),
  },
  {
    // The last character holds two bits more than the bytes.
    weight: 1,
    arbitrary: fc
      .constantFrom(...Array.from(ALPHABET))
      .map((put) => ({ kind: "piece", from: 50, cut: 1, put }) as const),
  },
  {
    weight: 1,
    arbitrary: fc
      .oneof(
        hostileText,
        bytes(38).map((made) => made.toString("base64url")),
      )
      .map((text) => ({ kind: "other", text }) as const),
  },
);

function forged(token: string, how: Forgery): string {
  if (how.kind === "other") return how.text;
  if (how.kind === "piece") {
    return token.slice(0, how.from) + how.put + token.slice(how.from + how.cut);
  }
  const made = Buffer.from(token, "base64url");
  made[how.at] = (made[how.at] ?? 0) ^ how.bits;
  return made.toString("base64url");
}

test(
  "whatever is made of a token by hand is none of ours, unless it is the token itself",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(sealed, forgery, async ({ key, token, scope }, how) => {
          const made = forged(token, how);
          expect(isGenuineToken(key, made, scope)).toBe(made === token);
        })
        .beforeEach(breath),
      cases(1_000),
    );
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "a token of another place, question or key holds nowhere else",
  async () => {
    await fc.assert(
      fc
        .asyncProperty(sealed, scope, bytes(32), async ({ key, token, scope }, other, otherKey) => {
          for (const [name, value] of Object.entries(other)) {
            const moved = { ...scope, [name]: value };
            const isSame = Object.entries(scope).every(
              ([member, own]) => own === moved[member as keyof TokenScope],
            );
            expect(isGenuineToken(key, token, moved)).toBe(isSame);
          }
          expect(isGenuineToken(otherKey, token, scope)).toBe(otherKey.equals(key));
        })
        .beforeEach(breath),
      cases(300),
    );
  },
  FUZZ_TIMEOUT_MS,
);

const OPS = -1001;
const ADA = 1003;

const person = (id: number): object => ({ id, is_bot: false, first_name: "Ada" });
const chat = { id: OPS, type: "supergroup", title: "ops" };
const message: object = {
  message_id: 7,
  date: 1_795_000_000,
  chat,
  from: person(ADA),
  text: "/status",
};
const tap: object = {
  id: "9",
  from: person(ADA),
  chat_instance: "1",
  data: "c:status",
  message: { ...message, text: "a card" },
};
const membership: object = {
  chat,
  from: person(ADA),
  date: 1_795_000_000,
  old_chat_member: { status: "left", user: person(7) },
  new_chat_member: { status: "member", user: person(7) },
};
const MARKS = [
  "sender_chat",
  "forward_origin",
  "via_bot",
  "is_automatic_forward",
  "sender_business_bot",
  "guest_query_id",
  "guest_bot_caller_user",
  "guest_bot_caller_chat",
  "business_connection_id",
  "is_from_offline",
  "edit_date",
  "migrate_to_chat_id",
  "inline_message_id",
  "is_topic_message",
  "message_thread_id",
] as const;

const member = fc.oneof(
  fc.constantFrom(...MARKS),
  fc.constantFrom("from", "chat", "text", "data", "date", "message", "message_id", "id", "type"),
);
const strange = fc.oneof(
  hostileJson,
  fc.constantFrom<unknown>(
    true,
    person(5),
    person(1_087_968_824),
    { id: ADA },
    { id: -1002, type: "supergroup" },
    { id: ADA, type: "private" },
    "c:deploy",
    "/deploy",
    `/${"x".repeat(600)}`,
  ),
);

/** An update as Telegram builds it, with some of its members exchanged, at its top or one below. */
const update = fc
  .tuple(
    fc.constantFrom<[string, object]>(
      ["message", message],
      ["edited_message", message],
      ["channel_post", message],
      ["callback_query", tap],
      ["my_chat_member", membership],
    ),
    fc.array(fc.tuple(fc.constantFrom("", "from", "chat", "message"), member, strange), {
      maxLength: 4,
    }),
  )
  .map(([[kind, whole], changes]) => ({
    update_id: 1,
    [kind]: changes.reduce<object>((built, change) => exchanged(built, change), whole),
  }));

function exchanged(
  built: object,
  [below, name, value]: readonly [string, string, unknown],
): object {
  if (below === "") return { ...built, [name]: value };
  const inner = (built as Readonly<Record<string, unknown>>)[below];
  if (typeof inner !== "object" || inner === null) return built;
  return { ...built, [below]: { ...inner, [name]: value } };
}

function intake() {
  const bodies: string[] = [];
  const refusals: string[] = [];
  const parts = {
    database: {
      transaction: async (work: (tx: unknown, now: Date) => unknown) => work({}, new Date()),
    },
    inbox: {
      async receive(_tx: unknown, _now: Date, received: readonly { readonly body: string }[]) {
        bodies.push(...received.map(({ body }) => body));
      },
    },
    tally: { count: (reason: string) => refusals.push(reason) },
    onMoved: async () => undefined,
    onForeignChat: () => undefined,
  } as unknown as IntakeParts;
  const rules: GateRules = {
    chatIds: new Set([OPS]),
    botUsername: "flightdeck_bot",
    operators: [{ telegram: ADA }],
  };
  return { bodies, refusals, take: async (one: unknown) => takeIn(parts, rules, [one as Update]) };
}

test(
  "no update, however it is built, breaks the way in; what comes through is whole and an operator's own",
  async () => {
    let admitted = 0;
    await fc.assert(
      fc
        .asyncProperty(
          fc.oneof(
            { weight: 5, arbitrary: update },
            {
              weight: 1,
              arbitrary: hostileJson.map((rest) => ({ ...Object(rest), update_id: 1 }) as object),
            },
          ),
          async (built) => {
            const { bodies, take } = intake();
            await take(built);
            admitted += bodies.length;
            for (const body of bodies) {
              const came = intakeSchema.parse(JSON.parse(body));
              expect(came.userId).toBe(ADA);
              expect([OPS, ADA]).toContain(came.chatId);
              const text = came.kind === "command" ? came.text : "/";
              expect(text.startsWith("/")).toBe(true);
              expect(text.length).toBeLessThanOrEqual(512);
            }
          },
        )
        .beforeEach(breath),
      cases(1_000),
    );
    expect(admitted).toBeGreaterThan(100);
  },
  FUZZ_TIMEOUT_MS,
);
