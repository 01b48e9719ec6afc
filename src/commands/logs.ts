import { addressedTo } from "../core/card.ts";
import { nearest } from "../core/nearest.ts";
import { defineCommand } from "./command.ts";

type Args = { readonly application: string | undefined; readonly lines: number };

const LINES = 100;
/** As many as Coolify ever gives at once would be a file that nobody reads. */
const LINES_AT_MOST = 2_000;

export const logs = defineCommand<Args>({
  name: "logs",
  summary: "The newest lines that an application wrote",
  role: "operator",
  usage: "[APPLICATION] [LINES]",
  effect: "read",
  words: { atMost: 2 },
  understand({ words: [application, count = String(LINES)] }, { applications }) {
    if (application !== undefined && !applications.includes(application)) {
      const meant = nearest(application, applications);
      const hint = meant === undefined ? "" : ` Did you mean ${meant}?`;
      return { ok: false, message: `There is no application "${application}".${hint}` };
    }
    const lines = Number(count);
    if (!/^\d{1,4}$/.test(count) || lines < 1 || lines > LINES_AT_MOST) {
      return { ok: false, message: `"${count}" is no number of lines from 1 to ${LINES_AT_MOST}.` };
    }
    return { ok: true, args: { application, lines } };
  },
  async run({ target, applications, start }, { application, lines }) {
    if (applications.length === 0) {
      const message = "There is no Coolify in the configuration, so there are no logs to look at.";
      return { kind: "refused", message };
    }
    if (application === undefined) {
      const picked = {
        title: `${target} · the log of which application?`,
        parts: [],
        actions: applications.map((name) => [{ label: name, command: `logs ${name}` }]),
      };
      return { kind: "card", card: addressedTo(target, picked) };
    }
    return { kind: "run", admission: await start("application-log", { application, lines }) };
  },
});
