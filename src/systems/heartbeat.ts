import type { Secret } from "../core/secret.ts";
import type { HttpApi } from "./http-api.ts";
import { askSecretly } from "./secret-address.ts";

/** Tells whoever waits for it outside that all is well here; any address that counts requests will do. */
export async function pingHeartbeat(
  http: Pick<HttpApi, "request">,
  url: Secret,
  signal: AbortSignal,
): Promise<void> {
  await askSecretly(http, "heartbeat", { method: "GET", url }, signal);
}
