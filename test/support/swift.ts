import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { quietPort } from "../../sandbox/quiet-port.ts";
import { startGuarded } from "../../src/servers/guarded-child.ts";
import { serverEnvironment } from "../../src/servers/machine.ts";
import { temporaryDirectory } from "../../src/servers/temporary-directory.ts";
import { run } from "./run-program.ts";

export type SwiftServer = AsyncDisposable & {
  readonly url: string;
  readonly bucket: string;
  readonly keys: { readonly accessKeyId: string; readonly secretAccessKey: string };
};

const SERVERS = ["account", "container", "object"] as const;
const START_TIMEOUT_MS = 45_000;
const keys = { accessKeyId: "test:tester", secretAccessKey: "testing" };

/** OpenStack Swift with its S3 face: a store that somebody else wrote, with one bucket in it. */
export async function startSwift(bucket: string): Promise<SwiftServer> {
  await using opened = new AsyncDisposableStack();
  const directory = opened.use(await temporaryDirectory("swift"));
  const place = (name: string): string => join(directory.path, name);
  const start = async (program: string, args: readonly string[]): Promise<void> => {
    opened.use(
      // Its greenlets need no home, but its cache of Python eggs asks for one.
      await startGuarded(program, args, {
        env: { ...serverEnvironment, HOME: directory.path },
        graceMs: 2_000,
        signalWhenOrphaned: "SIGKILL",
      }),
    );
  };

  await mkdir(place("d1"));
  await mkdir(place("backups"));
  await writeFile(
    place("swift.conf"),
    "[swift-hash]\nswift_hash_path_suffix = a\nswift_hash_path_prefix = b\n",
  );
  const memcached = await quietPort();
  await start("memcached", [
    "-l",
    "127.0.0.1",
    "-p",
    String(memcached),
    "-u",
    "nobody",
    "-m",
    "16",
  ]);
  const common = `swift_dir = ${directory.path}
devices = ${directory.path}
mount_check = false
user = root
disable_fallocate = true
bind_ip = 127.0.0.1
workers = 0
log_level = ERROR
log_address = ${place("no-syslog")}
`;
  for (const server of SERVERS) {
    const port = await quietPort();
    const ring = place(`${server}.builder`);
    await run("swift-ring-builder", [ring, "create", "6", "1", "0"]);
    await run("swift-ring-builder", [ring, "add", `r1z1-127.0.0.1:${port}/d1`, "1"]);
    await run("swift-ring-builder", [ring, "rebalance"]);
    const conf = place(`${server}-server.conf`);
    await writeFile(
      conf,
      `[DEFAULT]\n${common}bind_port = ${port}\n[pipeline:main]\npipeline = ${server}-server\n[app:${server}-server]\nuse = egg:swift#${server}\n`,
    );
    await start(`swift-${server}-server`, [conf]);
  }
  const port = await quietPort();
  await writeFile(place("proxy-server.conf"), proxyOf(`${common}bind_port = ${port}\n`, memcached));
  await start("swift-proxy-server", [place("proxy-server.conf")]);
  const url = `http://127.0.0.1:${port}`;
  await untilBucket(url, bucket);
  const kept = opened.move();
  return { url, bucket, keys, [Symbol.asyncDispose]: async () => kept.disposeAsync() };
}

function proxyOf(common: string, memcached: number): string {
  const uses = {
    catch_errors: "catch_errors",
    gatekeeper: "gatekeeper",
    healthcheck: "healthcheck",
    cache: `memcache\nmemcache_servers = 127.0.0.1:${memcached}`,
    listing_formats: "listing_formats",
    bulk: "bulk",
    s3api: "s3api\nlocation = us-east-1\ns3_acl = false\nallow_multipart_uploads = true",
    tempauth: "tempauth\nuser_test_tester = testing .admin",
    slo: "slo",
    dlo: "dlo",
  };
  const filters = Object.entries(uses).map(
    ([name, use]) => `[filter:${name}]\nuse = egg:swift#${use}\n`,
  );
  return `[DEFAULT]
${common}[pipeline:main]
pipeline = ${Object.keys(uses).join(" ")} proxy-server
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
${filters.join("")}`;
}

/** Ready when it can make a bucket, which takes all of its servers. */
async function untilBucket(url: string, bucket: string): Promise<void> {
  const { CreateBucketCommand, S3Client } = await import("@aws-sdk/client-s3");
  const client = new S3Client({
    endpoint: url,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: keys,
    requestChecksumCalculation: "WHEN_REQUIRED",
  });
  const deadline = AbortSignal.timeout(START_TIMEOUT_MS);
  for (;;) {
    try {
      await client.send(new CreateBucketCommand({ Bucket: bucket }), { abortSignal: deadline });
      client.destroy();
      return;
    } catch (error) {
      if (deadline.aborted) throw new Error("Swift did not start", { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}
