import { randomBytes } from "node:crypto";

import { Decrypter, Encrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { beforeAll, describe, expect, test } from "vitest";

import { BrokenSealError, openSeal } from "./age-stream.ts";

const PIECE = 64 * 1024;

let identity: string;
let decrypter: Decrypter;

beforeAll(async () => {
  identity = await generateX25519Identity();
  decrypter = new Decrypter();
  decrypter.addIdentity(identity);
});

async function seal(plain: Uint8Array): Promise<Buffer> {
  const encrypter = new Encrypter();
  encrypter.addRecipient(await identityToRecipient(identity));
  encrypter.addRecipient(await identityToRecipient(await generateX25519Identity()));
  return Buffer.from(await encrypter.encrypt(plain));
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}

async function open(sealed: Buffer, size = 100_000): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of openSeal(inPieces(sealed, size), decrypter)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe("what age has sealed", () => {
  test.each([0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 3 * PIECE + 17])(
    "comes back byte by byte when it is %i bytes long",
    async (length) => {
      const plain = randomBytes(length);
      const sealed = await seal(plain);
      for (const size of [7, 4_096, sealed.length].filter((each) => sealed.length / each < 5_000)) {
        expect((await open(sealed, size)).equals(plain)).toBe(true);
      }
    },
  );

  test("is refused when it ends early, wherever that is", async () => {
    const sealed = await seal(randomBytes(2 * PIECE + 100));
    const payload = sealed.length - (2 * PIECE + 100 + 3 * 16);
    const ends = [0, 1, 21, 150, payload - 17, payload - 1, payload, payload + 15, payload + 16];
    const later = [1, 2].map((pieces) => payload + pieces * (PIECE + 16));
    for (const end of [...ends, ...later, ...later.map((at) => at + 1), sealed.length - 1]) {
      await expect(open(sealed.subarray(0, end)), `cut at ${end}`).rejects.toThrow(BrokenSealError);
    }
  });

  test("is refused when a bit of it is another one, or when it goes on", async () => {
    const sealed = await seal(randomBytes(PIECE + 100));
    for (const at of [3, 40, 150, sealed.length - PIECE, sealed.length - 50, sealed.length - 1]) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      await expect(open(changed), `changed at ${at}`).rejects.toThrow(BrokenSealError);
    }
    await expect(open(Buffer.concat([sealed, Buffer.alloc(1)]))).rejects.toThrow(BrokenSealError);
    const again = Buffer.concat([sealed, sealed.subarray(-116)]);
    await expect(open(again)).rejects.toThrow(BrokenSealError);
  });

  test("is refused when its pieces change places", async () => {
    const sealed = await seal(randomBytes(3 * PIECE));
    const payload = sealed.length - 3 * (PIECE + 16);
    const piece = (n: number): Buffer =>
      sealed.subarray(payload + n * (PIECE + 16), payload + (n + 1) * (PIECE + 16));
    const swapped = [sealed.subarray(0, payload), piece(1), piece(0), piece(2)];
    await expect(open(Buffer.concat(swapped))).rejects.toThrow("its piece 1 was cut or changed");
  });

  test("opens with no other key, and what never was sealed with none", async () => {
    const stranger = new Decrypter();
    stranger.addIdentity(await generateX25519Identity());
    const sealed = await seal(randomBytes(10));
    const opening = openSeal(inPieces(sealed, 1_000), stranger).next();
    await expect(opening).rejects.toThrow("no identity matched");
    await expect(open(randomBytes(200_000))).rejects.toThrow("does not begin as age begins a file");
  });

  test("that cannot be read is not said to be broken", async () => {
    const sealed = await seal(randomBytes(10));
    const unreadable = (async function* () {
      yield sealed.subarray(0, 50);
      throw new Error("the line is dead");
    })();
    const reading = openSeal(unreadable, decrypter).next();
    await expect(reading).rejects.toThrow("the line is dead");
    await expect(reading).rejects.not.toThrow(BrokenSealError);
  });
});
