/** Crockford's base 32: no I, L, O or U, so a name survives being read aloud and typed back. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS = /^[0-9A-HJKMNP-TV-Z]{1,13}$/;

/** What tells a name of one sort from another: `R` is a run, `A` an alert. */
export type NameLetter = "R" | "A";

/** The name that people see and type: the letter, a hyphen and the row's identity, a positive decimal, in base 32. */
export function shortName(letter: NameLetter, id: string): string {
  let rest = BigInt(id);
  let digits = "";
  do {
    digits = ALPHABET.charAt(Number(rest % 32n)) + digits;
    rest /= 32n;
  } while (rest > 0n);
  return `${letter}-${digits}`;
}

/** The identity behind a name as typed: case does not matter, and I, L and O are read as 1, 1 and 0. */
export function parseShortName(letter: NameLetter, name: string): string | undefined {
  const typed = name.toUpperCase();
  const isWhole = typed.startsWith(`${letter}-`);
  // "R7" could be R-7 with its hyphen forgotten, or the run R-R7: it is neither until somebody says.
  if (typed.startsWith(letter) && !isWhole) return undefined;
  const digits = (isWhole ? typed.slice(2) : typed).replaceAll(/[IL]/g, "1").replaceAll("O", "0");
  if (!DIGITS.test(digits)) return undefined;
  let id = 0n;
  for (const digit of digits) id = id * 32n + BigInt(ALPHABET.indexOf(digit));
  return id > 0n && id < 2n ** 63n ? id.toString() : undefined;
}
