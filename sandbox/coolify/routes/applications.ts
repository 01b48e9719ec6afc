import { presentApplication, presentWholeApplication } from "../present.ts";
import { Refusal } from "../refusal.ts";
import type { Route } from "../route.ts";
import { applicationOf, bodyOf, readRoute } from "../route.ts";

const MOST_LINES = 10_000;

export const applicationRoutes: readonly Route[] = [
  readRoute("/applications", ({ state, seesHidden }) =>
    state.applications.map((row) => presentApplication(state, row, seesHidden)),
  ),
  readRoute("/applications/:uuid", (request) =>
    presentWholeApplication(request.state, applicationOf(request), request.seesHidden),
  ),
  readRoute("/applications/:uuid/logs", (request) => {
    const application = applicationOf(request);
    if (!application.status.startsWith("running")) {
      throw new Refusal(400, { message: "Application is not running." });
    }
    const lines = Math.min(Number(request.query["lines"] ?? 100), MOST_LINES);
    return { logs: request.runtime.log(application).slice(-lines).join("\n") };
  }),
  {
    method: "PATCH",
    path: "/applications/:uuid",
    ability: "write",
    answer(request) {
      const application = applicationOf(request);
      const body = bodyOf(request);
      const errors = Object.entries(body).flatMap(([name, value]) => {
        const problem = problemOf(name, value);
        return problem === undefined ? [] : [[name, [problem]] as const];
      });
      if (errors.length > 0) {
        const message = "Validation failed.";
        throw new Refusal(422, { message, errors: Object.fromEntries(errors) });
      }
      for (const [name, value] of Object.entries(body)) {
        const column = name === "domains" ? "fqdn" : name;
        const row = Object.hasOwn(application.settings, column)
          ? application.settings
          : application;
        Object.assign(row, { [column]: value });
      }
      request.did("applicationsChanged");
      if (Object.hasOwn(body, "is_auto_deploy_enabled")) request.did("autoDeployChanged");
      return { uuid: application.uuid };
    },
  },
];

type FieldType = "boolean" | "string" | "text" | "images";

/** What may be changed, of the many fields that there are. */
const FIELDS: Readonly<Record<string, FieldType>> = {
  name: "string",
  git_branch: "string",
  git_commit_sha: "string",
  domains: "text",
  docker_registry_image_name: "text",
  docker_registry_image_tag: "text",
  ports_exposes: "string",
  ports_mappings: "text",
  base_directory: "string",
  dockerfile_location: "text",
  custom_labels: "text",
  health_check_enabled: "boolean",
  health_check_path: "string",
  is_auto_deploy_enabled: "boolean",
  is_preview_deployments_enabled: "boolean",
  docker_images_to_keep: "images",
};

function problemOf(name: string, value: unknown): string | undefined {
  if (!Object.hasOwn(FIELDS, name)) return "This field is not allowed.";
  const words = name.replaceAll("_", " ");
  switch (FIELDS[name]!) {
    case "boolean":
      return typeof value === "boolean" ? undefined : `The ${words} field must be true or false.`;
    case "string":
      return typeof value === "string" ? undefined : `The ${words} field must be a string.`;
    case "text":
      return value === null || typeof value === "string"
        ? undefined
        : `The ${words} field must be a string.`;
    case "images":
      return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 100
        ? undefined
        : `The ${words} field must be between 0 and 100.`;
  }
}
