import { presentApplication, presentWholeApplication } from "../present.ts";
import { Refusal } from "../refusal.ts";
import type { Route } from "../route.ts";
import { applicationOf, readRoute } from "../route.ts";

export const applicationRoutes: readonly Route[] = [
  readRoute("/applications", ({ state, seesHidden }) =>
    state.applications.map((row) => presentApplication(state, row, seesHidden)),
  ),
  readRoute("/applications/:uuid", (request) =>
    presentWholeApplication(request.state, applicationOf(request), request.seesHidden),
  ),
  readRoute("/applications/:uuid/logs", (request) => {
    const { name, status } = applicationOf(request);
    if (!status.startsWith("running")) {
      throw new Refusal(400, { message: "Application is not running." });
    }
    return { logs: `INFO:     ${name} is running` };
  }),
];
