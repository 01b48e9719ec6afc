/** Why work was told to stop before its end; the reason that an aborted signal carries. */
export type InterruptionCause = "stopping" | "cancelled" | "fenced" | "deadline";

/** Not a failure of the work: somebody had a reason to stop it. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  readonly because: InterruptionCause;

  constructor(because: InterruptionCause, message: string) {
    super(message);
    this.because = because;
  }
}
