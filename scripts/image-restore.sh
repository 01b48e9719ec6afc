#!/usr/bin/env bash
# Inside a container with empty volumes: takes what image-backup.sh has kept, opened, from standard input.
#
#   age --decrypt --identity KEY flightdeck.tar.age |
#     docker compose run --rm -T --no-deps --entrypoint bash flightdeck scripts/image-restore.sh
set -euo pipefail
umask 077

# Of several targets, and after `flightdeck init`, each log lies in a folder of its own.
for place in /data/postgres /data/keys /evidence/log.md /evidence/*/log.md; do
  if [[ -e $place ]]; then
    echo "$place is there already; this restores into empty volumes only, and has changed nothing." >&2
    exit 1
  fi
done

tar --extract --directory=/ --no-same-owner
# Flightdeck makes the cluster itself, so that it is as it makes them.
node --input-type=module <<'RESTORE'
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { startPostgres } from "/flightdeck/src/servers/postgres.ts";

await using server = await startPostgres({ directory: "/data/postgres", durable: true });
await server.ensureDatabase("flightdeck");
const args = ["--exit-on-error", "--single-transaction", `--dbname=${server.url("flightdeck")}`];
execFileSync(join(server.programs, "pg_restore"), [...args, "/data/own-backup/flightdeck.dump"], {
  stdio: "inherit",
});
RESTORE
rm -rf /data/own-backup
echo "Restored. Before the start: flightdeck evidence adopt --reason …" >&2
