import { defineCommand } from "./command.ts";

type Args = {
  readonly application: string;
  readonly deployment?: string;
};

/** What the button of a deployment that failed types, and whoever reads of one at a terminal. */
export const deployment = defineCommand<Args>({
  name: "deployment",
  summary: "Show the log of a deployment, by default the newest",
  role: "operator",
  usage: "APPLICATION [UUID]",
  effect: "read",
  listed: false,
  words: { atLeast: 1, atMost: 2 },
  understand({ words: [application = "", uuid] }) {
    if (!/^[a-z][a-z0-9-]{0,63}$/.test(application)) {
      return { ok: false, message: `"${application}" is no application, such as api.` };
    }
    if (uuid === undefined) return { ok: true, args: { application } };
    if (!/^[a-z0-9-]{1,64}$/.test(uuid)) {
      return { ok: false, message: `"${uuid}" is no uuid of a deployment.` };
    }
    return { ok: true, args: { application, deployment: uuid } };
  },
  run: async ({ start }, args) => ({ kind: "run", admission: await start("deployment-log", args) }),
});
