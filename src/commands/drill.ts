import { backupIdSchema } from "../core/manifest.ts";
import type { DrillInput } from "../jobs/drill/drill.ts";
import { defineCommand } from "./command.ts";

export const drill = defineCommand<DrillInput>({
  name: "drill",
  summary: "Restore a backup into a throw-away server and prove that it is whole",
  role: "operator",
  usage: "[newest | older | BACKUP]",
  effect: "read",
  words: { atMost: 1 },
  understand({ words: [which = "newest"] }) {
    if (which === "newest" || which === "older" || backupIdSchema.safeParse(which).success) {
      return { ok: true, args: { which } };
    }
    const message = `"${which}" is no backup: expected newest, older, or a name such as 20261123T030000Z.`;
    return { ok: false, message };
  },
  async run(context, input) {
    if (context.backup === undefined) {
      const message =
        "No backup is configured, so there is none to restore. Put `backup:` and `systems.bucket` into the configuration.";
      return { kind: "refused", message };
    }
    return { kind: "run", admission: await context.start("drill", input) };
  },
});
