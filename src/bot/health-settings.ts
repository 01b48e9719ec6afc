import { z } from "zod";

import { secretSetting } from "../core/setting.ts";
import { listenSetting } from "./listen-setting.ts";

/** Where machines ask how this process is. */
export const httpSetting = z
  .strictObject({
    listen: listenSetting()
      .default("127.0.0.1:9464")
      .meta({
        description: "Address and port; the webhook's own when it stands there too",
        examples: ["0.0.0.0:9464"],
      }),
    metricsToken: secretSetting({
      accepts: (token) =>
        token.length >= 16 ? undefined : "expected at least 16 characters, best random ones",
    })
      .optional()
      .meta({ description: "Demanded of whoever reads /metrics, as a bearer token" }),
  })
  .meta({ description: "Answers /healthz, /readyz and /metrics" });

export type HttpSettings = z.output<typeof httpSetting>;

export const HEALTH_PATHS = ["/healthz", "/readyz", "/metrics"] as const;
