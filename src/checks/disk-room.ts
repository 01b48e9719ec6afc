import { z } from "zod";

import { valueText } from "../core/measurement-text.ts";
import { integerSetting, textSetting } from "../core/setting.ts";
import type { CheckKind } from "./check-kind.ts";

const MEBIBYTE = 1024 * 1024;

const settings = {
  folder: textSetting().default("data").meta({
    description: "A folder on the disk in question, such as the one of `data`",
  }),
  atLeastPercent: integerSetting({ minimum: 1, maximum: 99 }).default(15),
  atLeastMebibytes: integerSetting({ minimum: 1 }).optional().meta({
    description: "What must be free besides, such as room for two backups",
  }),
} satisfies z.ZodRawShape;

export const diskRoom = {
  kind: "disk-room",
  summary: "the disk on which Flightdeck keeps its state and makes backups has room",
  settings,
  limits: ({ atLeastPercent }) => [{ measurement: "usedPercent", atMost: 100 - atLeastPercent }],
  async observe({ systems, settings: { folder, atLeastPercent, atLeastMebibytes } }, signal) {
    const { freeBytes, totalBytes } = await systems.disk.room(folder, signal);
    const freePercent = (freeBytes / totalBytes) * 100;
    const size = (bytes: number): string => valueText(bytes, "Bytes");
    const actual = `${size(freeBytes)} of ${size(totalBytes)}, ${Math.floor(freePercent)} %`;
    const wantedBytes = (atLeastMebibytes ?? 0) * MEBIBYTE;
    return {
      observations: [
        {
          what: "free for us",
          expected: `at least ${atLeastPercent} %`,
          actual,
          ok: freePercent >= atLeastPercent,
        },
        ...(atLeastMebibytes === undefined
          ? []
          : [
              {
                what: "free bytes",
                expected: `at least ${size(wantedBytes)}`,
                actual: size(freeBytes),
                ok: freeBytes >= wantedBytes,
              },
            ]),
      ],
      measurements: [
        { name: "usedPercent", value: 100 - freePercent },
        { name: "freeBytes", value: freeBytes },
      ],
    };
  },
} satisfies CheckKind<typeof settings, "disk">;
