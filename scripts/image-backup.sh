#!/usr/bin/env bash
# Inside a container that runs on its own PostgreSQL: writes all that Flightdeck itself must not lose to standard output,
# sealed for the recipient. Nothing stops meanwhile.
#
#   docker compose exec -T flightdeck bash scripts/image-backup.sh age1… > flightdeck.tar.age
#
# The database goes first: what is recorded after it is in the files, and `flightdeck evidence adopt` takes it from there.
set -euo pipefail
umask 077

if (($# != 1)) || [[ $1 != age1* ]]; then
  echo "Usage: image-backup.sh RECIPIENT, which begins with age1 and is printed by age-keygen." >&2
  exit 3
fi
if [[ ! -r /data/postgres/cluster/PG_VERSION ]]; then
  echo "There is no database in /data/postgres: this Flightdeck uses another one, which has to be dumped where it is." >&2
  exit 1
fi

kept=/data/own-backup
mkdir "$kept" || {
  echo "Another backup is under way, or was killed. If it was: rmdir after removing what is in $kept." >&2
  exit 1
}
trap 'rm -rf "$kept"' EXIT
programs=/usr/lib/postgresql/$(cat /data/postgres/cluster/PG_VERSION)/bin
"$programs/pg_dump" --host=/data/postgres/socket --username=postgres --no-password \
  --format=custom --file="$kept/flightdeck.dump" flightdeck

parts=(data/own-backup data/keys evidence)
for optional in data/seal.key data/bot-token; do
  [[ ! -e /$optional ]] || parts+=("$optional")
done
# A log that grows while it is read is whole up to where it was read, which tar says by 1.
{ tar --create --directory=/ --warning=no-file-changed "${parts[@]}" || (($? == 1)); } | age --recipient "$1"
