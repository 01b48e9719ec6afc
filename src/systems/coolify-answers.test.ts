import * as fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  applicationSchema,
  deploymentsSchema,
  hiddenSettingsSchema,
  rollbackImagesSchema,
  variablesSchema,
} from "./coolify-answers.ts";

const application = {
  status: "running:healthy",
  server_status: true,
  health_check_enabled: true,
  build_pack: "dockerfile",
  git_repository: "owner/name",
  git_branch: "main",
  base_directory: "/",
  dockerfile_location: "/Dockerfile",
  fqdn: null,
  docker_compose_domains: null,
  ports_mappings: null,
  settings: { is_preview_deployments_enabled: false, is_auto_deploy_enabled: false },
};
const variable = { key: "A", value: "b", is_preview: false, is_runtime: true };
const deployment = {
  deployment_uuid: "u",
  commit: "HEAD",
  status: "queued",
  pull_request_id: 0,
  rollback: false,
  created_at: "2026-11-23T04:00:00.000000Z",
};
const PROPERTY = { seed: 4_311, numRuns: 500 };

describe("an answer of Coolify", () => {
  test.each([
    ["an application", applicationSchema],
    ["hidden settings", hiddenSettingsSchema],
    ["variables", variablesSchema],
    ["deployments", deploymentsSchema],
    ["images", rollbackImagesSchema],
  ])("that is anything but %s is refused, and breaks nothing", (_name, schema) => {
    fc.assert(
      fc.property(fc.jsonValue(), (answer) => {
        const isEmptyList = Array.isArray(answer) && answer.length === 0;
        expect(schema.safeParse(answer).success).toBe(isEmptyList && schema === variablesSchema);
      }),
      PROPERTY,
    );
  });

  test.each([
    "status",
    "server_status",
    "health_check_enabled",
    "build_pack",
    "dockerfile_location",
    "fqdn",
    "docker_compose_domains",
    "ports_mappings",
    "settings",
  ])("without %s is refused, for a missing field is not an empty one", (name) => {
    const { [name as keyof typeof application]: _left, ...rest } = application;
    expect(applicationSchema.safeParse(application).success).toBe(true);
    expect(applicationSchema.safeParse(rest).success).toBe(false);
  });

  test("with other values in what says that an application is public is never taken for private", () => {
    const opening = fc.constantFrom("fqdn", "ports_mappings", "docker_compose_domains");
    fc.assert(
      fc.property(opening, fc.jsonValue(), (name, value) => {
        const answer = applicationSchema.safeParse({ ...application, [name]: value });
        const found = answer.success
          ? [...answer.data.domains, ...answer.data.publishedPorts, ...answer.data.composeDomains]
          : ["refused"];
        const isNothing = value === null || (typeof value === "string" && /^[\s,]*$/.test(value));
        // The JSON of an empty mapping or list, too, says that there is no domain.
        const isEmptyJson = typeof value === "string" && /^\s*(?:\{\s*\}|\[\s*\])\s*$/.test(value);
        expect(found.length === 0).toBe(
          isNothing || (name === "docker_compose_domains" && isEmptyJson),
        );
      }),
      PROPERTY,
    );
  });
});

test("a status has two parts that count; what is missing of the second is unknown", () => {
  const parts = (status: string) => {
    const { state, health } = applicationSchema.parse({ ...application, status });
    return [state, health];
  };
  expect(parts("running:healthy:excluded")).toEqual(["running", "healthy"]);
  expect(parts("exited")).toEqual(["exited", "unknown"]);
  expect(parts("")).toEqual(["", "unknown"]);
});

test.each([
  ["/", "/backend/Dockerfile", "/backend/Dockerfile"],
  ["/backend", "/Dockerfile", "/backend/Dockerfile"],
  ["backend/", "Dockerfile.worker", "/backend/Dockerfile.worker"],
  [null, null, "/Dockerfile"],
])("base %j and location %j are the Dockerfile %s", (base_directory, dockerfile_location, path) => {
  const row = { ...application, base_directory, dockerfile_location };
  expect(applicationSchema.parse(row).dockerfile).toBe(path);
});

test.each([
  ["shown", { value: "b" }, "b"],
  ["empty", { value: null }, ""],
  ["hidden", { value: undefined }, undefined],
  ["locked", { value: null, is_shown_once: true }, undefined],
  ["shared", { value: "{{project.A}}", real_value: "'c d'", is_shared: true }, "c d"],
  ["shared and unresolved", { value: "{{project.A}}", is_shared: true }, undefined],
])("a value that is %s", (_title, given, expected) => {
  const [row] = variablesSchema.parse([{ ...variable, ...given }]);
  expect(row!.value?.reveal()).toBe(expected);
});

test("a preview is told by its number, however that is written", () => {
  const previews = [0, "0", 7, "7", null].map((pull_request_id) => {
    const [row] = deploymentsSchema.parse({ deployments: [{ ...deployment, pull_request_id }] });
    return row!.isPreview;
  });
  expect(previews).toEqual([false, false, true, true, false]);
});

test("only commits are images to roll back to", () => {
  const tags = ["a".repeat(40), `${"a".repeat(40)}-build`, "latest", "pr-7", "abcdef1", "ABCDEF1"];
  const images = tags.map((tag) => ({ tag, created_at: "2026-02-20 12:56:04 +0000 UTC" }));
  expect(rollbackImagesSchema.parse({ current: null, images })).toEqual([
    "a".repeat(40),
    "abcdef1",
  ]);
});
