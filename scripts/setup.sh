#!/usr/bin/env bash
# Brings a fresh machine to where every npm script works, and says nothing when it is there already:
# Node's packages, a Node that runs TypeScript, PostgreSQL, Redis, zstd and age, and for the
# tests with SETUP_BROWSER=1 a browser and with SETUP_STORE=1 an S3-compatible store and strace.
set -euo pipefail
cd "$(dirname "$0")/.."

# npm puts node_modules/.bin first; what replaces that directory must not run from inside it.
outer_path=
IFS=: read -ra path_parts <<<"$PATH"
for part in "${path_parts[@]}"; do
  [[ $part == "$PWD/node_modules/.bin" ]] || outer_path+=${outer_path:+:}$part
done

say() { printf 'setup: %s\n' "$*" >&2; }
has() { PATH=$outer_path command -v "$1" >/dev/null; }
has_any() { for candidate in "$@"; do [[ -x $candidate ]] && return; done; return 1; }

has_postgres() {
  has_any /usr/lib/postgresql/*/bin/initdb /opt/homebrew/opt/postgresql@*/bin/initdb \
    /usr/local/opt/postgresql@*/bin/initdb || { has initdb && has pg_dump; }
}
has_browser() {
  has chromium || has chromium-browser || has google-chrome || has google-chrome-stable ||
    has_any "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome" \
      /Applications/Chromium.app/Contents/MacOS/Chromium
}

missing=() apt=() brew=()
need() { missing+=("$1") apt+=($2) brew+=($3); }
has_postgres || need PostgreSQL "postgresql postgresql-client" "postgresql@17"
has redis-server || need Redis redis-server redis
# Backups are packed by one and sealed by the other.
has zstd || need zstd zstd zstd
has age || need age age age
# The sandbox makes certificates of its own.
has openssl || need OpenSSL openssl openssl
# The tests meet an S3-compatible store that somebody else wrote; where there is no package of it they do without.
[[ ${SETUP_STORE:-} != 1 ]] || has swift-proxy-server || ! has apt-get ||
  need "OpenStack Swift" "swift-proxy swift-account swift-container swift-object memcached" ""
# They kill what renders the evidence at chosen system calls.
[[ ${SETUP_STORE:-} != 1 ]] || has strace || ! has apt-get || need strace strace ""
# A browser alone brings no font, and without one the pages have no letters.
[[ ${SETUP_BROWSER:-} != 1 ]] || has_browser ||
  need "a browser (Chromium or Google Chrome)" "chromium fonts-dejavu-core fonts-noto-color-emoji" "--cask google-chrome"

install_by_apt() {
  say "installing ${apt[*]}"
  # The script goes in as root by standard input, so nothing is left behind when it ends early.
  "$@" bash -s -- "${apt[@]}" <<'AS_ROOT' >&2
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive DEBCONF_NOWARNINGS=yes
# Flightdeck starts servers of its own: the packages must neither make a cluster nor start or enable anything.
cluster=/etc/postgresql-common/createcluster.d/flightdeck-setup.conf
policy=/usr/sbin/policy-rc.d
made=("$cluster")
trap 'rm -f "${made[@]}"' EXIT
mkdir -p "${cluster%/*}"
echo 'create_main_cluster = false' >"$cluster"
if [[ ! -e $policy ]]; then
  made+=("$policy")
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod +x "$policy"
fi
redis_was_there=$(command -v redis-server || true)
memcached_was_there=$(command -v memcached || true)
apt-get -qq update
apt-get -qq install -y --no-install-recommends "$@" >/dev/null </dev/null
if [[ -z $redis_was_there && -d /run/systemd/system ]]; then
  systemctl disable --quiet redis-server 2>/dev/null || true
fi
if [[ -z $memcached_was_there && -d /run/systemd/system ]]; then
  systemctl disable --quiet memcached 2>/dev/null || true
fi
AS_ROOT
}

if ((${#missing[@]})); then
  list=$(printf ', %s' "${missing[@]}")
  list=${list:2}
  installer=
  if has apt-get; then
    if [[ $(id -u) == 0 ]]; then
      installer=env
    elif has sudo && sudo -n true 2>/dev/null; then
      installer='sudo -n'
    fi
  fi
  if [[ -z $installer ]] || ! install_by_apt $installer; then
    command="npm run ${npm_lifecycle_event:-sandbox}"
    say "missing: $list. Install what is missing by one of these, then run $command again:"
    {
      echo "  Debian, Ubuntu:  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${apt[*]}"
      echo "  macOS:           brew install ${brew[*]}"
      echo "  Docker:          docker run --rm -it --network host -v \"\$PWD\":/flightdeck -v /flightdeck/node_modules -w /flightdeck node:24-bookworm $command"
    } >&2
    exit 1
  fi
fi

# The platform belongs to the stamp: a directory that is shared with a container would hold the wrong programs.
stamp="$(cksum <package-lock.json) $(uname -sm)"
if [[ $(cat node_modules/.setup-stamp 2>/dev/null) != "$stamp" ]]; then
  say "installing Node packages"
  PATH=$outer_path npm ci --loglevel=error >/dev/null
  # npm 10 forgets this link, because the packages for two processors name the same program.
  for arch in x64 arm64; do
    own=node_modules/node-linux-$arch/bin/node
    # The program is built for glibc; elsewhere it does not run, and the machine's own Node has to do.
    [[ -x $own ]] && "$own" --version >/dev/null 2>&1 || continue
    ln -sf "../node-linux-$arch/bin/node" node_modules/.bin/node
  done
  node_modules/.bin/node --version >/dev/null 2>&1 || rm -f node_modules/.bin/node
  if [[ ! -e node_modules/.bin/node ]] && ! PATH=$outer_path node -e '
    const [major, minor] = process.versions.node.split(".").map(Number);
    process.exit(major > 22 || (major === 22 && minor >= 19) ? 0 : 1);
  '; then
    say "Node 22.19 or newer is needed on $(uname -sm), and this is $(PATH=$outer_path node --version)." \
      "Install it (macOS: brew install node@24; everywhere: https://nodejs.org/en/download)."
    exit 1
  fi
  printf '%s\n' "$stamp" >node_modules/.setup-stamp
fi
