import { ids } from "../ids.ts";
import { presentApplication, presentDatabase, presentServer } from "../present.ts";
import { notFound } from "../refusal.ts";
import type { CoolifyRequest, Route } from "../route.ts";
import { readRoute } from "../route.ts";
import type { EnvironmentName } from "../rows.ts";

const project = {
  id: 1,
  uuid: ids.project,
  name: "todoist-telegram",
  description: null,
};
const environments = [
  { id: 1, uuid: ids.production, name: "production" },
  { id: 2, uuid: ids.staging, name: "staging" },
] as const;

/** What there is: the instance, the team, its projects and servers. */
export const inventoryRoutes: readonly Route[] = [
  readRoute("/version", ({ state }) => state.version),
  readRoute("/team", () => ({ id: 0, name: "Root Team", personal_team: true })),
  readRoute("/teams/current", () => ({ id: 0, name: "Root Team", personal_team: true })),
  readRoute("/projects", () => [project]),
  readRoute("/projects/:uuid", (request) => {
    demandProject(request);
    return { ...project, environments };
  }),
  readRoute("/projects/:uuid/environments", (request) => {
    demandProject(request);
    return environments;
  }),
  readRoute("/projects/:uuid/:environment", (request) => {
    demandProject(request);
    const wanted = request.parameters["environment"];
    const found = environments.find(({ uuid, name }) => wanted === uuid || wanted === name);
    if (found === undefined) throw notFound("Environment");
    return { ...found, project_id: project.id, ...contentOf(request, found.name) };
  }),
  readRoute("/resources", (request) => {
    const { applications, postgresqls, redis } = contentOf(request);
    return [
      ...applications.map((row) => ({ ...row, type: "application" })),
      ...postgresqls.map((row) => ({ ...row, type: "standalone-postgresql" })),
      ...redis.map((row) => ({ ...row, type: "standalone-redis" })),
    ];
  }),
  readRoute("/servers", ({ state }) => [presentServer(state.server)]),
  readRoute("/servers/:uuid", (request) => {
    demandServer(request);
    return presentServer(request.state.server);
  }),
  readRoute("/servers/:uuid/resources", (request) => {
    demandServer(request);
    const { applications, databases } = request.state;
    return [
      ...applications.map((row) => ({ ...row, type: "application" })),
      ...databases.map((row) => ({ ...row, type: row.database_type })),
    ].map(({ id, uuid, name, type, status }) => ({ id, uuid, name, type, status }));
  }),
];

function demandProject({ parameters }: CoolifyRequest): void {
  if (parameters["uuid"] !== ids.project) throw notFound("Project");
}

function demandServer({ parameters }: CoolifyRequest): void {
  if (parameters["uuid"] !== ids.server) throw notFound("Server");
}

function contentOf({ state, seesHidden }: CoolifyRequest, environment?: EnvironmentName) {
  const isMeant = (row: { readonly environment: EnvironmentName }): boolean =>
    environment === undefined || row.environment === environment;
  const databases = state.databases.filter(isMeant);
  const ofType = (type: string): object[] =>
    databases
      .filter((row) => row.database_type === type)
      .map((row) => presentDatabase(state, row, seesHidden));
  return {
    applications: state.applications
      .filter(isMeant)
      .map((row) => presentApplication(state, row, seesHidden)),
    postgresqls: ofType("standalone-postgresql"),
    redis: ofType("standalone-redis"),
    mysqls: [],
    mariadbs: [],
    mongodbs: [],
    services: [],
  };
}
