/** A "no" that the API answers as `{"detail": …}`. Anything else that is thrown becomes a plain-text 500. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: 400 | 401 | 403 | 404 | 409 | 422 | 429 | 503;
  readonly detail: unknown;

  constructor(status: Refusal["status"], detail: unknown) {
    super(`refused with ${status}`);
    this.status = status;
    this.detail = detail;
  }
}
