/** The Bot API's "no": an error code with the exact words that the real server uses. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: number;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: number, description: string, retryAfterSeconds?: number) {
    super(description);
    this.code = code;
    this.retryAfterSeconds = retryAfterSeconds;
  }
}

export const badRequest = (what: string): Refusal => new Refusal(400, `Bad Request: ${what}`);
export const forbidden = (what: string): Refusal => new Refusal(403, `Forbidden: ${what}`);
export const conflict = (what: string): Refusal => new Refusal(409, `Conflict: ${what}`);
export const unauthorized = (): Refusal => new Refusal(401, "Unauthorized");
export const methodNotFound = (): Refusal => new Refusal(404, "Not Found: method not found");
export const restarting = (): Refusal => new Refusal(500, "Internal Server Error: restart");

export function tooManyRequests(retryAfterSeconds: number): Refusal {
  return new Refusal(429, `Too Many Requests: retry after ${retryAfterSeconds}`, retryAfterSeconds);
}
