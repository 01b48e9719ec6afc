import { Hono } from "hono";
import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import { streamSSE } from "hono/streaming";
import { z } from "zod";

import type { TelegramServer } from "../telegram/server.ts";
import { personaNames } from "../telegram/server.ts";
import type { PersonaName } from "../telegram/server.ts";
import type { Controls } from "./controls.ts";
import { describeState } from "./state.ts";

/** Changes come in flocks; the browser is told once per flock. */
const GATHER_MS = 40;
const KEEP_ALIVE_MS = 15_000;
const CALLS_SHOWN = 200;

const persona = z.enum(personaNames as readonly [PersonaName, ...PersonaName[]]);
const chat = z.enum(["group", "private"]);
const view = z.strictObject({ as: persona.default("operator"), chat: chat.default("group") });
const said = z.strictObject({
  as: persona,
  text: z.string().trim().min(1).max(4096),
  chat: chat.optional(),
  topic: z.int().optional(),
  replyTo: z.int().optional(),
});
const tapped = z.union([
  z.strictObject({ as: persona, messageId: z.int(), label: z.string().min(1) }),
  z.strictObject({ as: persona, messageId: z.int().optional(), data: z.string().min(1) }),
]);
const switched = z.strictObject({ on: z.boolean() });

/** What the page uses, and what tests and scripts may use as well. */
export function createApi({
  telegram,
  controls,
}: {
  readonly telegram: TelegramServer;
  readonly controls: Controls;
}): Hono {
  const api = new Hono();

  // The server trusts everybody on this machine, so a page from elsewhere must not speak through the browser.
  api.use(async (context, next) => {
    if (context.req.method !== "GET" && context.req.header("sec-fetch-site") === "cross-site") {
      throw new HTTPException(403, { message: "Requests from other sites are refused" });
    }
    await next();
  });

  api.get("/state", async (context) =>
    context.json(await describeState(telegram, controls, read(view, context.req.query()))),
  );
  api.get("/effects", async (context) => context.json(await controls.effects()));
  api.get("/calls", (context) => context.json(telegram.calls().slice(-CALLS_SHOWN)));
  api.get("/violations", (context) => context.json(telegram.violations()));

  api.post("/say", async (context) => {
    const { as, text, ...options } = read(said, await body(context));
    return context.json(attempt(() => telegram.as(as).say(text, options)));
  });
  api.post("/tap", async (context) => {
    const { as, ...target } = read(tapped, await body(context));
    return context.json(attempt(() => telegram.as(as).tap(target)));
  });
  api.post("/faults/:name", async (context) => {
    const { on } = read(switched, await body(context));
    const name = context.req.param("name");
    refuseUnknown("fault", name, controls.faults());
    await controls.setFault(name, on);
    return context.json({ faults: controls.faults() });
  });
  api.post("/actions/:name", async (context) => {
    const name = context.req.param("name");
    const outside = controls
      .outside()
      .flatMap(({ rows, actions }) => [...rows.flatMap((row) => row.actions), ...actions]);
    refuseUnknown("action", name, [...controls.actions(), ...outside]);
    await controls.run(name);
    return context.json({ done: name });
  });

  api.get("/files/:fileId", (context) => {
    const file = telegram.file(context.req.param("fileId"));
    if (file === undefined) throw new HTTPException(404, { message: "There is no such file" });
    const isImage = /^image\/(?:png|jpeg)$/.test(file.type);
    return context.body(new Uint8Array(file.bytes), 200, {
      // What the bot sent is shown as an image or saved, and never run.
      "content-type": isImage ? file.type : "application/octet-stream",
      "content-disposition": `${isImage ? "inline" : "attachment"}; filename*=UTF-8''${encodeURIComponent(file.name)}`,
      "content-security-policy": "default-src 'none'; sandbox",
    });
  });

  api.get("/events", (context) =>
    streamSSE(context, async (stream) => {
      let wake = () => {};
      let changed = true;
      const notice = () => {
        changed = true;
        wake();
      };
      const stops = [telegram.onChange(notice), controls.onChange(notice)];
      stream.onAbort(() => {
        for (const stop of stops) stop();
        wake();
      });
      while (!stream.aborted) {
        await stream.writeSSE({ event: changed ? "changed" : "alive", data: "" });
        changed = false;
        await stream.sleep(GATHER_MS);
        if (!changed && !stream.aborted) await quietFor(KEEP_ALIVE_MS, (stop) => (wake = stop));
      }
    }),
  );

  return api;
}

/** Waits until somebody calls what `onStart` was given, or until the time is over. */
function quietFor(durationMs: number, onStart: (stop: () => void) => void): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    onStart(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function body(context: Context): Promise<unknown> {
  const mistake = "The body must be JSON, sent with content-type application/json";
  // A form of another site can send JSON as plain text, but never with this type.
  if (!/^application\/json\b/.test(context.req.header("content-type") ?? "")) {
    throw new HTTPException(400, { message: mistake });
  }
  try {
    return await context.req.json();
  } catch (error) {
    throw new HTTPException(400, { message: mistake, cause: error });
  }
}

function read<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new HTTPException(400, { message: z.prettifyError(parsed.error), cause: parsed.error });
}

/** What a person cannot do, such as pressing a button that is not there, is the caller's mistake. */
function attempt<T>(act: () => T): T {
  try {
    return act();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new HTTPException(400, { message, cause: error });
  }
}

function refuseUnknown(
  what: string,
  name: string,
  known: readonly { readonly name: string }[],
): void {
  if (known.some((one) => one.name === name)) return;
  const names = known.map((one) => one.name).join(", ") || "none";
  throw new HTTPException(404, { message: `There is no ${what} “${name}”. There are: ${names}` });
}
