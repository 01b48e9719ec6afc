/** The Bot API's "no": an error code with the exact words that the real server uses. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;
  readonly retryAfterSeconds: number | undefined;
  /** Where a basic group has gone. */
  readonly migrateToChatId: number | undefined;

  constructor(
    code: number,
    description: string,
    parameters: { readonly retryAfterSeconds?: number; readonly migrateToChatId?: number } = {},
  ) {
    super(description);
    this.code = code;
    this.retryAfterSeconds = parameters.retryAfterSeconds;
    this.migrateToChatId = parameters.migrateToChatId;
  }
}

export const badRequest = (what: string): Refusal => new Refusal(400, `Bad Request: ${what}`);
export const forbidden = (what: string): Refusal => new Refusal(403, `Forbidden: ${what}`);
export const conflict = (what: string): Refusal => new Refusal(409, `Conflict: ${what}`);
export const unauthorized = (): Refusal => new Refusal(401, "Unauthorized");
export const methodNotFound = (): Refusal => new Refusal(404, "Not Found: method not found");
export const restarting = (): Refusal => new Refusal(500, "Internal Server Error: restart");

export function tooManyRequests(retryAfterSeconds: number): Refusal {
  return new Refusal(429, `Too Many Requests: retry after ${retryAfterSeconds}`, {
    retryAfterSeconds,
  });
}

export function upgraded(migrateToChatId: number): Refusal {
  const what = "Bad Request: group chat was upgraded to a supergroup chat";
  return new Refusal(400, what, { migrateToChatId });
}
