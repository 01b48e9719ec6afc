import { z } from "zod";

import { bucketSetting } from "./bucket-settings.ts";
import { coolifySetting } from "./coolify-settings.ts";
import { productWebhookSetting } from "./product-webhook-settings.ts";

/** Systems that checks and operations share. What is left out is `not-configured` wherever it is asked for. */
export const systemsSetting = z
  .strictObject({
    coolify: coolifySetting.optional(),
    bucket: bucketSetting.optional(),
    productWebhook: productWebhookSetting.optional(),
  })
  .prefault({})
  .meta({ description: "Outside systems that several checks and operations use" });

export type SystemsSettings = z.output<typeof systemsSetting>;
