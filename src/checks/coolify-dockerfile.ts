import { z } from "zod";

import { textSetting } from "../core/setting.ts";
import type { Observation } from "../core/status.ts";
import type { CoolifyApplication, CoolifyHiddenSettings } from "../systems/coolify.ts";
import type { CheckKind } from "./check-kind.ts";
import { namedByKey, unknownApplications } from "./coolify-names.ts";
import { severalLooks } from "./several-looks.ts";

const settings = {
  dockerfiles: z
    .record(
      z.string(),
      textSetting({ pattern: /^\/[\w./-]+$/, expected: "a path such as /backend/Dockerfile" }),
    )
    .refine((files) => Object.keys(files).length > 0, "expected at least one application")
    .meta({ description: "The Dockerfile of each application, from the root of its repository" }),
  repository: textSetting()
    .optional()
    .meta({ description: "Where they come from, as Coolify shows it", examples: ["owner/name"] }),
} satisfies z.ZodRawShape;

export const coolifyDockerfile = {
  kind: "coolify-dockerfile",
  summary: "the images of applications in Coolify are built from the expected Dockerfiles",
  settings,
  problems: ({ dockerfiles }, systems) =>
    unknownApplications(systems, namedByKey("dockerfiles", dockerfiles)),
  async observe({ systems: { coolify }, settings: { dockerfiles, repository } }, signal) {
    const looks = Object.entries(dockerfiles).flatMap(([name, dockerfile]) => [
      coolify
        .application(name, signal)
        .then((found) => source(found, { name, dockerfile, repository })),
      coolify.hiddenSettings(name, signal).then((found) => inline(found, name)),
    ]);
    return { observations: await severalLooks(looks) };
  },
} satisfies CheckKind<typeof settings, "coolify">;

type Wanted = {
  readonly name: string;
  readonly dockerfile: string;
  readonly repository: string | undefined;
};

function source(
  application: CoolifyApplication,
  { name, dockerfile, repository }: Wanted,
): Observation[] {
  const same = (what: string, expected: string, actual: string): Observation => ({
    what: `${what} of ${name}`,
    expected,
    actual,
    ok: expected === actual,
  });
  return [
    same("build pack", "dockerfile", application.buildPack),
    same("Dockerfile", dockerfile, application.dockerfile),
    ...(repository === undefined ? [] : [same("repository", repository, application.repository)]),
  ];
}

/** Where one is typed in, nothing of the repository is built. */
function inline({ hasInlineDockerfile }: CoolifyHiddenSettings, name: string): Observation[] {
  const actual = hasInlineDockerfile ? "in the way" : "none";
  const what = `Dockerfile typed into Coolify for ${name}`;
  return [{ what, expected: "none", actual, ok: !hasInlineDockerfile }];
}
