import { describe, expect, test } from "vitest";
import { z } from "zod";

import { SystemError } from "../systems/system-error.ts";
import type { ServedCertificate, TlsAddress } from "../systems/tls.ts";
import { tlsCertificate } from "./tls-certificate.ts";

const signal = new AbortController().signal;
const schema = z.strictObject(tlsCertificate.settings);
const inDays = (days: number) => new Date(Date.now() + days * 86_400_000 + 60_000);
const good: ServedCertificate = {
  subject: "example.com",
  issuer: "R11",
  validTo: inDays(60),
  refusedFor: undefined,
};
const unreachable = new SystemError("tls", "unreachable", "connection refused");

async function ask(
  served: Readonly<Record<string, Partial<ServedCertificate> | Error>>,
  more: object = {},
) {
  const asked: TlsAddress[] = [];
  const certificate = async (address: TlsAddress): Promise<ServedCertificate> => {
    asked.push(address);
    const seen = served[`${address.host}:${address.port}`];
    if (seen === undefined || seen instanceof Error) throw seen ?? new Error("not expected");
    return { ...good, ...seen };
  };
  const addresses = Object.keys(served).map((address) => address.replace(/:443$/, ""));
  const settings = schema.parse({ addresses, ...more });
  const { observations, measurements } = await tlsCertificate.observe(
    { systems: { tls: { certificate } }, settings },
    signal,
  );
  return { failed: observations.filter(({ ok }) => !ok), measurements, asked };
}

test("a trusted certificate with time left passes; the fewest days of all are measured", async () => {
  const seen = await ask({ "a.example:443": {}, "b.example:8443": { validTo: inDays(20) } });
  expect(seen.failed).toEqual([]);
  expect(seen.measurements).toEqual([{ name: "daysLeft", value: 20 }]);
  expect(seen.asked.map(({ port }) => port)).toEqual([443, 8443]);
});

describe("what is wrong is told apart", () => {
  test.each([
    [
      "little time",
      { validTo: inDays(5) },
      ["time left of a.example"],
      /^5d, until \d{4}-\d{2}-\d{2}$/,
    ],
    [
      "expired, said once",
      { validTo: inDays(-2), refusedFor: "CERT_HAS_EXPIRED" },
      ["time left of a.example"],
      /^expired 1d 23h ago, on /,
    ],
    [
      "an expired authority above a good certificate",
      { refusedFor: "CERT_HAS_EXPIRED" },
      ["certificate of a.example"],
      /^from an authority that has expired \(CERT_HAS_EXPIRED\), issued by R11$/,
    ],
    [
      "signed by itself",
      { refusedFor: "DEPTH_ZERO_SELF_SIGNED_CERT" },
      ["certificate of a.example"],
      /^signed by itself /,
    ],
    [
      "made for another name",
      { refusedFor: "ERR_TLS_CERT_ALTNAME_INVALID" },
      ["certificate of a.example"],
      /^made for another name /,
    ],
    [
      "refused for a reason that is new to us",
      { refusedFor: "SOMETHING_NEW" },
      ["certificate of a.example"],
      /^not trusted \(SOMETHING_NEW\)/,
    ],
  ] as const)("%s", async (_name, certificate, what, actual) => {
    const { failed } = await ask({ "a.example:443": certificate });
    expect(failed.map((each) => each.what)).toEqual(what);
    expect(failed[0]?.actual).toMatch(actual);
  });
});

test("an address that cannot be asked hides a pass, but not another's failure", async () => {
  await expect(ask({ "a.example:443": unreachable, "b.example:443": {} })).rejects.toBe(
    unreachable,
  );
  const { failed } = await ask({
    "a.example:443": unreachable,
    "b.example:443": { validTo: inDays(1) },
  });
  expect(failed.map(({ what }) => what)).toEqual(["time left of b.example"]);
});

test.each(["https://a.example", "a.example/path", "a.example:x", ""])(
  "%j is no address",
  (address) => {
    expect(schema.safeParse({ addresses: [address] }).success).toBe(false);
  },
);
