#!/usr/bin/env bash
# Prints what is in an image as one CycloneDX document: npm's own account of its packages, which the build keeps, and with
# it Node and every package of Debian. What is given runs a program inside of the image:
#
#   bash scripts/image-sbom.sh docker run --rm --entrypoint= flightdeck:0.1.0 > sbom.cdx.json
set -euo pipefail

if (($# == 0)); then
  echo "Usage: bash scripts/image-sbom.sh docker run --rm --entrypoint= IMAGE" >&2
  exit 3
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$@" cat /flightdeck/npm.cdx.json >"$work/npm"
"$@" node --version >"$work/node"
"$@" dpkg-query --show --showformat='${db:Status-Abbrev}\t${Package}\t${Version}\t${Architecture}\n' >"$work/debian"

node - "$work" <<'MERGE'
const { readFileSync } = require("node:fs");
const [work] = process.argv.slice(2);
const read = (name) => readFileSync(`${work}/${name}`, "utf8").trim();

const document = JSON.parse(read("npm"));
const node = read("node").replace(/^v/, "");
const debian = read("debian").split("\n").flatMap((line) => {
  const [status, name, version, architecture] = line.split("\t");
  // What was removed and left its settings behind is listed too.
  if (!status.startsWith("ii")) return [];
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${architecture}&distro=debian-12`;
  return [{ "bom-ref": purl, type: "library", name, version, purl }];
});
const purl = `pkg:generic/node@${node}`;
document.components.push({ "bom-ref": purl, type: "platform", name: "node", version: node, purl }, ...debian);
document.components.sort((one, other) => (one["bom-ref"] < other["bom-ref"] ? -1 : 1));
process.stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
MERGE
