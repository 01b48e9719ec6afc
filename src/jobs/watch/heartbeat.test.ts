import { expect, test } from "vitest";

import { keepHeartbeat, type Proof } from "./heartbeat.ts";

const holds = (name: string): Proof => ({ name, prove: async () => undefined });
const fails = (name: string): Proof => ({
  name,
  prove: async () => {
    throw new Error(`${name} is missing`);
  },
});

/** Beats until it was tried this often, and tells how often the outside heard of it. */
async function beats(proofs: readonly Proof[], tries: number) {
  const stopping = new AbortController();
  const troubles: string[] = [];
  let pings = 0;
  let tried = 0;
  const counting: Proof = {
    name: "counting",
    async prove() {
      tried += 1;
      if (tried > tries) stopping.abort(new Error("stopping"));
    },
  };
  await keepHeartbeat(
    {
      everyMs: 1,
      proofs: [counting, ...proofs],
      ping: async () => void (pings += 1),
      onError: (_error, during) => troubles.push(during),
    },
    stopping.signal,
  );
  return { pings, troubles };
}

test("a sign of life is given each time that everything was proved", async () => {
  expect(await beats([holds("one"), holds("other")], 3)).toEqual({ pings: 3, troubles: [] });
});

test.each([["one"], ["other"], ["third"]])(
  "none is given when anything is missing: %s",
  async (missing) => {
    const names = ["one", "other", "third"];
    const proofs = names.map((name) => (name === missing ? fails(name) : holds(name)));
    const { pings, troubles } = await beats(proofs, 2);
    expect(pings).toBe(0);
    expect(new Set(troubles)).toEqual(new Set([`proving for the heartbeat: ${missing}`]));
  },
);

test("it comes back with what was missing", async () => {
  let looks = 0;
  const returning: Proof = {
    name: "returning",
    async prove() {
      looks += 1;
      if (looks <= 2) throw new Error("not yet");
    },
  };
  expect((await beats([returning], 5)).pings).toBe(3);
});

test("an outside that does not take it is reported, and tried again the next time", async () => {
  const stopping = new AbortController();
  const troubles: string[] = [];
  let pings = 0;
  await keepHeartbeat(
    {
      everyMs: 1,
      proofs: [holds("one")],
      async ping() {
        pings += 1;
        if (pings === 3) stopping.abort(new Error("stopping"));
        throw new Error("nobody there");
      },
      onError: (_error, during) => troubles.push(during),
    },
    stopping.signal,
  );
  expect(pings).toBe(3);
  expect(troubles).toEqual(["giving a sign of life", "giving a sign of life"]);
});
