/** Crockford's base 32: no I, L, O or U, so a name survives being read aloud and typed back. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const NAME = /^R-([0-9A-HJKMNP-TV-Z]{1,13})$/;

/** The name of a run that people see and type: `R-` and the row's identity, a positive decimal, in base 32. */
export function runName(id: string): string {
  let rest = BigInt(id);
  let digits = "";
  do {
    digits = ALPHABET.charAt(Number(rest % 32n)) + digits;
    rest /= 32n;
  } while (rest > 0n);
  return `R-${digits}`;
}

/** The identity behind a name as typed: case does not matter, and I, L and O are read as 1, 1 and 0. */
export function parseRunName(name: string): string | undefined {
  const typed = name.toUpperCase();
  // "R7" could be R-7 with its hyphen forgotten, or the run R-R7: it is neither until somebody says.
  if (/^R(?!-)/.test(typed)) return undefined;
  const normal = `R-${typed.replace(/^R-/, "").replaceAll(/[IL]/g, "1").replaceAll("O", "0")}`;
  const digits = NAME.exec(normal)?.[1];
  if (digits === undefined) return undefined;
  let id = 0n;
  for (const digit of digits) id = id * 32n + BigInt(ALPHABET.indexOf(digit));
  return id > 0n && id < 2n ** 63n ? id.toString() : undefined;
}
