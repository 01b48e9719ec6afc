/** A mail as it came in, with what a test or a person asks about it. */
export type ReceivedMail = {
  readonly to: readonly string[];
  readonly subject: string;
  readonly messageId: string;
  readonly text: string;
  /** Whether it came over TLS. */
  readonly secure: boolean;
};

/** Reads a mail of one text part, as programs write them. */
export function readMail(
  raw: string,
  envelope: { readonly to: readonly string[]; readonly secure: boolean },
): ReceivedMail {
  const [, head = "", body = ""] = /^([^]*?)\r\n\r\n([^]*)$/.exec(raw) ?? [];
  const lines = head.replaceAll(/\r\n[ \t]+/g, " ").split("\r\n");
  const header = (name: string): string =>
    lines
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim() ?? "";
  return {
    ...envelope,
    subject: decodedWords(header("subject")),
    messageId: header("message-id"),
    text: decodedBody(body, header("content-transfer-encoding")).trimEnd(),
  };
}

/** What is not ASCII stands in a header as `=?UTF-8?Q?=C2=B7?=`, or in base64 with a B. */
function decodedWords(text: string): string {
  return text
    .replaceAll(/\?=\s+=\?/g, "?==?")
    .replaceAll(/=\?utf-8\?([QB])\?([^?]*)\?=/gi, (_word, form: string, coded: string) =>
      form.toUpperCase() === "B"
        ? Buffer.from(coded, "base64").toString("utf8")
        : unquoted(coded.replaceAll("_", " ")),
    );
}

function decodedBody(body: string, encoding: string): string {
  const lines = body.replaceAll("\r\n", "\n");
  if (encoding.toLowerCase() === "base64") return Buffer.from(body, "base64").toString("utf8");
  if (encoding.toLowerCase() === "quoted-printable") return unquoted(lines.replaceAll("=\n", ""));
  return lines;
}

function unquoted(text: string): string {
  const bytes = text.replaceAll(/=([0-9A-F]{2})/gi, (_code, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, "latin1").toString("utf8");
}
