/** What of a process's standard input is needed here: a terminal's keys, or a pipe's bytes. */
export type InputStream = {
  readonly isTTY?: boolean;
  /** Only a terminal has it: keys come one by one and are not shown. */
  setRawMode?(raw: boolean): unknown;
  setEncoding(encoding: "utf8"): unknown;
  on(event: "data", listener: (text: string) => void): unknown;
  on(event: "end" | "error" | "close", listener: () => void): unknown;
  pause(): unknown;
  resume(): unknown;
};

/** Lines from a person or a pipe, in the order in which they came; those that nobody waits for are kept. */
export type CliInput = Disposable & {
  /** The next line; undefined when input has ended, or the signal aborted first. */
  nextLine(signal: AbortSignal): Promise<string | undefined>;
  /** The same, unseen on a terminal. */
  nextHiddenLine(signal: AbortSignal): Promise<string | undefined>;
};

const LINE_LIMIT = 4_096;
const CONTROL_C = "\u0003";
const CONTROL_D = "\u0004";
const BACKSPACES = ["\b", "\u007f"];

export function createCliInput(stream: InputStream, interrupt: () => void): CliInput {
  const lines: string[] = [];
  let unfinished = "";
  let last = "";
  const input = { ended: false };
  let wake = (): void => {};

  function take(text: string): void {
    for (const key of text) {
      // A carriage return and a line feed together end one line.
      if (key !== "\n" || last !== "\r") takeKey(key);
      last = key;
    }
    wake();
  }

  function takeKey(key: string): void {
    if (key === "\n" || key === "\r") finishLine();
    else if (BACKSPACES.includes(key)) unfinished = unfinished.slice(0, -1);
    else if (key === CONTROL_D) end();
    else if (key === CONTROL_C) {
      // Without the terminal's help nobody else makes a signal of it.
      interrupt();
      end();
    } else if (unfinished.length < LINE_LIMIT) unfinished += key;
  }

  function finishLine(): void {
    lines.push(unfinished);
    unfinished = "";
  }

  function end(): void {
    if (unfinished !== "") finishLine();
    input.ended = true;
    wake();
  }

  stream.setEncoding("utf8");
  stream.on("data", take);
  for (const event of ["end", "error", "close"] as const) stream.on(event, end);

  async function nextLine(signal: AbortSignal): Promise<string | undefined> {
    stream.resume();
    while (lines.length === 0 && !input.ended && !signal.aborted) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true });
      await promise;
    }
    // A line that comes after the signal waits for whoever asks next.
    return signal.aborted ? undefined : lines.shift();
  }

  return {
    nextLine,
    async nextHiddenLine(signal) {
      stream.setRawMode?.(true);
      try {
        return await nextLine(signal);
      } finally {
        stream.setRawMode?.(false);
      }
    },
    [Symbol.dispose]() {
      // An input that is still read keeps the process from ending.
      stream.pause();
    },
  };
}
