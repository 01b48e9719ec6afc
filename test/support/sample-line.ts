/** What stands for something in a document, and something that it may stand for. */
const SAMPLES: readonly (readonly [RegExp, string])[] = [
  [/\bR-…|\bRUN\b/g, "R-12"],
  [/\bCOMMIT\b|\bSHA\b/g, "9d81911"],
  [/\bSECRET\b/g, "database-login"],
  [/\b(?:ID|BACKUP)\b/g, "20261123T030000Z"],
  [/\bJOB\b/g, "5f0c1d2e-0000-4000-8000-000000000001"],
  [/\bCODE\b/g, "K7QX"],
  [/\bAPPLICATION\b/g, "api"],
  [/\bITEM\b/g, "commit"],
  [/\bNAME\b/g, "Otto"],
  [/\bTARGET\b/g, "sandbox"],
  [/"…"/g, '"a reason that is long enough"'],
  [/…/g, ""],
];

/** With samples in the places of what stands for something, and without what may be left out. */
export function withSamples(text: string): string {
  let bare = text;
  while (/\[[^[\]]*\]/.test(bare)) bare = bare.replaceAll(/ ?\[[^[\]]*\]/g, "");
  for (const [placeholder, sample] of SAMPLES) bare = bare.replaceAll(placeholder, sample);
  return bare.trim();
}

/** As a shell takes a line apart. */
export const tokensOf = (line: string): readonly string[] =>
  [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
