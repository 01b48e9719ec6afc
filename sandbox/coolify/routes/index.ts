import type { Route } from "../route.ts";
import { applicationRoutes } from "./applications.ts";
import { databaseRoutes } from "./databases.ts";
import { deploymentRoutes } from "./deployments.ts";
import { environmentVariableRoutes } from "./environment-variables.ts";
import { inventoryRoutes } from "./inventory.ts";
import { scheduledTaskRoutes } from "./scheduled-tasks.ts";

/** Everything below `/api/v1`. */
export const routes: readonly Route[] = [
  ...inventoryRoutes,
  ...applicationRoutes,
  ...environmentVariableRoutes,
  ...deploymentRoutes,
  ...scheduledTaskRoutes,
  ...databaseRoutes,
];
