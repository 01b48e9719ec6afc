import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

/** A certificate for this machine that vouches for itself, with its key; both in PEM. */
export type Certificate = { readonly cert: string; readonly key: string };

export async function makeCertificate(directory: string, days: number): Promise<Certificate> {
  const [cert, key] = [join(directory, `${days}-days.crt`), join(directory, `${days}-days.key`)];
  // Node can use certificates but not make them; openssl comes with the PostgreSQL that the sandbox needs anyway.
  const what =
    "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost";
  const names = "subjectAltName=IP:127.0.0.1,DNS:localhost";
  await promisify(execFile)("openssl", [
    ...what.split(" "),
    "-addext",
    names,
    "-days",
    String(days),
    "-out",
    cert,
    "-keyout",
    key,
  ]);
  return { cert: await readFile(cert, "utf8"), key: await readFile(key, "utf8") };
}
