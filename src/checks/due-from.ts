import { textSetting } from "../core/setting.ts";
import { NotConfiguredError } from "../systems/not-configured-error.ts";

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?Z$/;
const EXPECTED = "a moment such as 2026-12-01T00:00:00Z";

/** From when on there has to be one; undefined: always. */
export const dueFrom = textSetting({ pattern: MOMENT, expected: EXPECTED })
  .superRefine((text, context) => {
    if (Number.isNaN(Date.parse(text))) {
      context.addIssue({ code: "custom", message: `expected ${EXPECTED}` });
    }
  })
  .optional()
  .meta({
    description:
      "Before this moment it is no failure that there is none yet: the check is listed and not counted",
  });

/** What nobody need have made yet is not missing, and proves nothing either: it is listed and not counted. */
class NotDueError extends NotConfiguredError {
  constructor(what: string, from: string) {
    super(what);
    this.message = `there is no ${what} yet, and none is due before ${from}`;
  }
}

/** To be asked where there is none. */
export function demandDue(what: string, from: string | undefined, now: Date): void {
  if (from !== undefined && now.getTime() < Date.parse(from)) throw new NotDueError(what, from);
}
