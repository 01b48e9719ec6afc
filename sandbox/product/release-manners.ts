import type { ApiManners } from "../releases.ts";
import type { Product } from "./product.ts";

type Trouble = "fails" | "is-not-ready" | undefined;
type Manners = (path: string) => Promise<Trouble>;

const LIVE = "/health/live";
const READY = "/health/ready";
const CAPTURE = "/v1/capture/thought";
/** What people use. */
const CORE: readonly string[] = [CAPTURE, "/v1/query/ask"];

/** What is wrong with the API of a release, if anything is, before it comes to answer. */
export function createManners({ release, settings, database }: Product): Manners {
  const startedAt = performance.now();
  const well = async (): Promise<undefined> => undefined;
  const manners: Readonly<Record<ApiManners, Manners>> = {
    good: well,
    crashes: well,
    broken: async (path) => (path === LIVE ? undefined : "fails"),
    "never-ready": async (path) => (path === READY ? "is-not-ready" : undefined),
    "goes-bad": async (path) =>
      CORE.includes(path) && performance.now() - startedAt >= settings.timing.goodForMs
        ? "fails"
        : undefined,
    "needs-urgency": async (path) => {
      if (path !== CAPTURE) return undefined;
      return database.query("select urgency from inbox_items limit 0").then(well, () => "fails");
    },
  };
  return manners[release.api];
}
