import { createHmac, timingSafeEqual } from "node:crypto";

/**
 * What a button under a question carries: 38 bytes that nobody can make up or carry elsewhere, 51 characters of the 64
 * that Telegram allows. Only the row that its nonce names says what is asked.
 *
 *     0      version << 4 | key
 *     1      action  << 4 | index of a code
 *     2..17  nonce
 *     18..21 expiry, seconds since 1970
 *     22..37 HMAC-SHA-256, its first 16 bytes
 */
const TOKEN_BYTES = 38;
const TOKEN = /^[A-Za-z0-9_-]{51}$/;
const NONCE_AT = 2;
const EXPIRY_AT = 18;
const MAC_AT = 22;
const MAC_BYTES = 16;
export const NONCE_BYTES = EXPIRY_AT - NONCE_AT;
/** The only version, with the only key there is so far. */
const VERSION_AND_KEY = 0x10;
const DOMAIN = "flightdeck/approval-button/v1\0";

/** The command that buttons under a question type; people have no use for it. */
export const ANSWER_COMMAND = "answer";

const ACTIONS = ["yes", "no", "withdraw", "code"] as const;

/** What a tap says. `code` chooses the code at an index, 0 to 2. */
export type TokenAction =
  | { readonly kind: "yes" | "no" | "withdraw" }
  | { readonly kind: "code"; readonly index: number };

export type TokenClaim = {
  readonly action: TokenAction;
  readonly nonce: Buffer;
  /** Whole seconds. */
  readonly expiresAt: Date;
};

/** What a token holds for, beside what it says. */
export type TokenScope = {
  readonly botId: number;
  readonly chatId: number;
  readonly topicId: number | undefined;
  /** Digest of what is asked. */
  readonly question: string;
};

export function sealToken(key: Buffer, claim: TokenClaim, scope: TokenScope): string {
  const head = Buffer.alloc(MAC_AT);
  head[0] = VERSION_AND_KEY;
  head[1] = (ACTIONS.indexOf(claim.action.kind) << 4) | indexOf(claim.action);
  claim.nonce.copy(head, NONCE_AT);
  // Rounded up, because the row decides and a button must not be more impatient.
  head.writeUInt32BE(Math.ceil(claim.expiresAt.getTime() / 1000), EXPIRY_AT);
  return Buffer.concat([head, macOf(key, head, scope)]).toString("base64url");
}

/** What a token claims to say, unproved; undefined when it is none of ours by its form. */
export function readToken(token: string): TokenClaim | undefined {
  if (!TOKEN.test(token)) return undefined;
  const bytes = Buffer.from(token, "base64url");
  // 51 characters hold two bits more than the bytes; they must be zero, or two texts would be the same token.
  if (bytes.length !== TOKEN_BYTES || bytes.toString("base64url") !== token) return undefined;
  if (bytes[0] !== VERSION_AND_KEY) return undefined;
  const action = actionOf(bytes[1] ?? 0);
  if (!action) return undefined;
  return {
    action,
    nonce: bytes.subarray(NONCE_AT, EXPIRY_AT),
    expiresAt: new Date(bytes.readUInt32BE(EXPIRY_AT) * 1000),
  };
}

/** Whether we made this very token for this place and this question. */
export function isGenuineToken(key: Buffer, token: string, scope: TokenScope): boolean {
  if (!readToken(token)) return false;
  const bytes = Buffer.from(token, "base64url");
  return timingSafeEqual(bytes.subarray(MAC_AT), macOf(key, bytes.subarray(0, MAC_AT), scope));
}

function macOf(key: Buffer, head: Buffer, scope: TokenScope): Buffer {
  const { botId, chatId, topicId, question } = scope;
  return createHmac("sha256", key)
    .update(`${DOMAIN}${botId}\0${chatId}\0${topicId ?? ""}\0${question}\0`)
    .update(head)
    .digest()
    .subarray(0, MAC_BYTES);
}

function indexOf(action: TokenAction): number {
  return action.kind === "code" ? action.index : 0;
}

function actionOf(byte: number): TokenAction | undefined {
  const kind = ACTIONS[byte >> 4];
  const index = byte & 0xf;
  if (kind === undefined) return undefined;
  if (kind === "code") return index < 3 ? { kind, index } : undefined;
  return index === 0 ? { kind } : undefined;
}
