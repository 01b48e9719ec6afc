import { z } from "zod";

import type { Observation } from "../core/status.ts";
import { coolifyApplicationSetting } from "../systems/coolify-settings.ts";
import type { Coolify, CoolifyDeployment } from "../systems/coolify.ts";
import { SystemError } from "../systems/system-error.ts";
import type { CheckKind } from "./check-kind.ts";
import { namedInList, unknownApplications } from "./coolify-names.ts";
import { severalLooks } from "./several-looks.ts";

const settings = {
  applications: z.array(coolifyApplicationSetting()).min(1),
} satisfies z.ZodRawShape;

export const coolifyRollbackImage = {
  kind: "coolify-rollback-image",
  summary: "the image of the last good commit but one is kept, so that a rollback builds nothing",
  settings,
  problems: ({ applications }, systems) =>
    unknownApplications(systems, namedInList("applications", applications)),
  async observe({ systems: { coolify }, settings: { applications } }, signal) {
    const looks = applications.map(async (name) => look(coolify, name, signal));
    return { observations: await severalLooks(looks) };
  },
} satisfies CheckKind<typeof settings, "coolify">;

async function look(
  coolify: Pick<Coolify, "deployments" | "rollbackImages">,
  name: string,
  signal: AbortSignal,
): Promise<readonly Observation[]> {
  const [deployments, images] = await Promise.all([
    coolify.deployments(name, signal),
    coolify.rollbackImages(name, signal),
  ]);
  const what = `rollback image of ${name}`;
  const commit = commitBefore(deployments);
  if (commit === undefined) {
    const actual = "no other commit was deployed yet";
    return [{ what, expected: "kept, if there is one", actual, ok: true }];
  }
  // What runs has an image, so an empty list only says that Coolify could not ask the server.
  if (images.length === 0) {
    const message = `Coolify lists no image of ${name} at all, as it does when it cannot reach the server`;
    throw new SystemError("coolify", "unreachable", message);
  }
  const ok = images.includes(commit);
  const expected = commit.slice(0, 12);
  return [{ what, expected, actual: ok ? expected : "gone", ok }];
}

/** The commit that was live before the one that is live now; a preview is live nowhere. */
function commitBefore(newestFirst: readonly CoolifyDeployment[]): string | undefined {
  const [current, ...earlier] = newestFirst
    .filter(({ status, isPreview }) => status === "finished" && !isPreview)
    .map(({ commit }) => commit)
    .filter((commit) => /^[0-9a-f]{7,64}$/.test(commit));
  return earlier.find((commit) => commit !== current);
}
