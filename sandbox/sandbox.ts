import { mkdir } from "node:fs/promises";
import { join } from "node:path";

import { type BotProcess, startBotProcess } from "./bot-process.ts";
import { createControls } from "./controls.ts";
import { type HttpServer, startHttpServer } from "./http-server.ts";
import { createPage } from "./page/page.ts";
import type { Revision } from "./product/revision.ts";
import { createChanges } from "./telegram/changes.ts";
import { type World, startWorld } from "./world.ts";

export type Sandbox = AsyncDisposable & {
  /** Where the ops group is to be seen. */
  readonly url: string;
  readonly world: World;
  readonly bot: BotProcess;
};

export type SandboxOptions = {
  /** The first port to try for the page. */
  readonly port: number;
  /** Which of the product's revisions runs. */
  readonly revision?: Revision;
  /** Whether production was never deployed. */
  readonly empty?: boolean;
  readonly bot: { readonly command: string; readonly args: readonly string[] };
  /** Where the bot runs, and where its log goes. */
  readonly directory: string;
  readonly dataDirectory: string;
  /** What the bot inherits beside the names of the world. */
  readonly environment: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
  /** The bot's, when it has to be started again. */
  readonly pausesMs?: readonly number[];
};

/** The world, the bot in it, and the page to see both. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  await using opened = new AsyncDisposableStack();
  // Open to passage: what the bot keeps in there may belong to the users whom its servers run as.
  await mkdir(options.dataDirectory, { recursive: true });
  const world = opened.use(
    await startWorld({
      floodControl: true,
      empty: options.empty ?? false,
      ...(options.revision && { revision: options.revision }),
      ...(options.signal && { signal: options.signal }),
    }),
  );
  const changes = createChanges();
  world.onChange(() => changes.announce());
  const bot = startBotProcess({
    ...options.bot,
    directory: options.directory,
    environment: { ...options.environment, ...world.environment },
    logFile: join(options.dataDirectory, "bot.log"),
    say: options.say,
    onChange: () => changes.announce(),
    ...(options.pausesMs === undefined ? {} : { pausesMs: options.pausesMs }),
  });
  opened.use(bot);
  const controls = createControls({ world, bot, changes });
  const page = createPage({ telegram: world.telegram, controls });
  const server = opened.use(await startOnNextFreePort(page.fetch, options.port));
  const kept = opened.move();
  return {
    url: server.url,
    world,
    bot,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const portsToTry = 50;

async function startOnNextFreePort(
  fetch: Parameters<typeof startHttpServer>[0],
  first: number,
): Promise<HttpServer> {
  for (let port = first; port < first + portsToTry; port += 1) {
    try {
      return await startHttpServer(fetch, port);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    }
  }
  throw new Error(
    `The ports ${first} to ${first + portsToTry - 1} of 127.0.0.1 are all taken. Set SANDBOX_PORT to a free one.`,
  );
}
