import { z } from "zod";

import { formatDuration } from "../core/duration.ts";
import { durationSetting, textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { ServedCertificate } from "../systems/tls.ts";
import type { CheckKind } from "./check-kind.ts";

const HTTPS_PORT = 443;

const addressSetting = textSetting({
  pattern: /^[A-Za-z0-9.-]+(?::\d{1,5})?$/,
  expected: "a host such as api.example.com, or with a port such as db.example.com:8443",
});

const settings = {
  addresses: z
    .array(addressSetting)
    .min(1)
    .max(20)
    .meta({
      description: "Where TLS is spoken, by host and port",
      examples: [["api.example.com"]],
    }),
  lastsFor: durationSetting()
    .default(14 * 86_400_000)
    .meta({ description: "Less time left than this is a failure" }),
  authority: textSetting({
    maximum: 65_536,
    pattern: /-----BEGIN CERTIFICATE-----/,
    expected: "certificates in PEM, best by reference such as ${file:authority.pem}",
  })
    .optional()
    .meta({ description: "An authority of your own, trusted instead of the public ones" }),
} satisfies z.ZodRawShape;

export const tlsCertificate = {
  kind: "tls-certificate",
  summary: "certificates are trusted and last for some time yet",
  settings,
  async observe({ systems, settings: { addresses, lastsFor, authority } }, signal) {
    const served = await Promise.allSettled(
      addresses.map(async (address) => {
        const [host = "", port = HTTPS_PORT] = address.split(":");
        const asked = { host, port: Number(port), authority };
        return { address, certificate: await systems.tls.certificate(asked, signal) };
      }),
    );
    const now = Date.now();
    const seen = served.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const observations = seen.flatMap(({ address, certificate }) => [
      trust(address, certificate, now),
      lifetime(address, certificate, lastsFor, now),
    ]);
    const failure = served.find((each) => each.status === "rejected");
    // One that cannot be asked hides a pass, but not a failure that another has shown.
    if (failure !== undefined && observations.every(({ ok }) => ok)) throw failure.reason;
    const daysLeft = Math.min(
      ...seen.map(({ certificate }) => daysUntil(certificate.validTo, now)),
    );
    return { observations, measurements: [{ name: "daysLeft", value: daysLeft }] };
  },
} satisfies CheckKind<typeof settings, "tls">;

function trust(
  address: string,
  { refusedFor, issuer, validTo }: ServedCertificate,
  now: number,
): Observation {
  const what = `certificate of ${address}`;
  const isToldByLifetime = refusedFor === EXPIRED && validTo.getTime() <= now;
  if (refusedFor === undefined || isToldByLifetime) {
    return { what, expected: "trusted", actual: `issued by ${issuer}`, ok: true };
  }
  const actual = `${REFUSALS[refusedFor] ?? "not trusted"} (${refusedFor}), issued by ${issuer}`;
  return { what, expected: "trusted", actual, ok: false };
}

const EXPIRED = "CERT_HAS_EXPIRED";

const REFUSALS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "from an authority that has expired",
  DEPTH_ZERO_SELF_SIGNED_CERT: "signed by itself",
  SELF_SIGNED_CERT_IN_CHAIN: "from an authority that nobody trusts",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "from an authority that nobody trusts, or a link of the chain is not sent",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "from an authority that nobody trusts, or a link of the chain is not sent",
  ERR_TLS_CERT_ALTNAME_INVALID: "made for another name",
  CERT_NOT_YET_VALID: "not valid yet",
  CERT_REVOKED: "revoked",
};

function lifetime(
  address: string,
  { validTo }: ServedCertificate,
  lastsForMs: number,
  now: number,
): Observation {
  const leftMs = validTo.getTime() - now;
  const day = validTo.toISOString().slice(0, 10);
  const actual =
    leftMs > 0
      ? `${formatDuration(leftMs)}, until ${day}`
      : `expired ${formatDuration(-leftMs)} ago, on ${day}`;
  const expected = `at least ${formatDuration(lastsForMs)}`;
  return {
    what: `time left of ${address}`,
    expected,
    actual,
    ok: leftMs > 0 && leftMs >= lastsForMs,
  };
}

function daysUntil(moment: Date, now: number): number {
  return Math.floor((moment.getTime() - now) / 86_400_000);
}
