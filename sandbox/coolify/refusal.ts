/** An answer that is a "no", with Coolify's own words. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly body: object;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, body: object, headers: Readonly<Record<string, string>> = {}) {
    super(`${status} ${JSON.stringify(body)}`);
    this.status = status;
    this.body = body;
    this.headers = headers;
  }
}

export function notFound(what: string): Refusal {
  return new Refusal(404, { message: `${what} not found.` });
}

/** What Coolify says to an empty JSON object as well as to no JSON at all. */
export function invalidRequest(): Refusal {
  return new Refusal(400, { message: "Invalid request." });
}
