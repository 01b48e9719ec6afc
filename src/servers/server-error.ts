/** A server of ours could not be started, or may not be. The message says what would be right. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}
