import type { Release } from "../releases.ts";
import { readEnvironment, type Surroundings, type Variables } from "./environment.ts";
import type { ProductSettings } from "./settings.ts";

/** What a container is made of. */
export type Image = { readonly release: Release; readonly variables: Variables };

/** The first words of a process; without settings they are the last ones too. */
type Beginning = { readonly settings?: ProductSettings; readonly log: readonly string[] };

export function beginWorker(image: Image, surroundings: Surroundings): Beginning {
  return begin(image, surroundings, () => [WORKER_STARTED]);
}

export function beginApi(image: Image, surroundings: Surroundings): Beginning {
  return image.release.api === "crashes" ? { log: CRASH } : begin(image, surroundings, apiLog);
}

function begin(
  { release, variables }: Image,
  surroundings: Surroundings,
  firstWords: (settings: ProductSettings) => readonly string[],
): Beginning {
  const read = readEnvironment(variables, release.revision, surroundings);
  if ("lastWords" in read) return { log: read.lastWords };
  return { settings: read, log: firstWords(read) };
}

const CRASH = [
  "Traceback (most recent call last):",
  '  File "/app/backend/api/main.py", line 14, in <module>',
  "    from common.settings import settings",
  "ModuleNotFoundError: No module named 'common.settings'",
];

/** It comes before anything was looked at, and proves nothing. */
const WORKER_STARTED = "INFO:worker:Worker started, listening for jobs...";

/** With a token in clear, as the real one writes it when a message of its bot could not be sent. */
function apiLog({ telegramUrl, botToken }: ProductSettings): readonly string[] {
  const url = `${telegramUrl}/bot${botToken}/sendMessage`;
  return [
    "INFO:     Uvicorn is running on http://0.0.0.0:8000 (Press CTRL+C to quit)",
    `ERROR:api:Failed to send Telegram message: Client error '403 Forbidden' for url '${url}'`,
  ];
}
