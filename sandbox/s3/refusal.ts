/** What S3 says no with. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

export function xmlOf({
  code,
  message,
}: {
  readonly code: string;
  readonly message: string;
}): string {
  return xml(`<Error><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`);
}

export function xml(content: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>${content}`;
}

export function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
