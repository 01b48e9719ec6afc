import type { BotProcess } from "./bot-process.ts";
import { createOutsidePages } from "./outside-pages.ts";
import type { Controls } from "./page/page.ts";
import type { Changes } from "./telegram/changes.ts";
import type { World } from "./world.ts";

/** What the buttons of the page do. */
export function createControls(options: {
  readonly world: Pick<
    World,
    "faults" | "isFault" | "break" | "heal" | "healAll" | "effects" | "push" | "todoist" | "xai"
  >;
  readonly bot: Pick<BotProcess, "kill" | "restart">;
  readonly changes: Pick<Changes, "onChange" | "announce">;
}): Controls {
  const { world, bot, changes } = options;
  const outside = createOutsidePages(world);
  const actions = [
    { name: "kill-bot", title: "Kill the bot (kill -9)", run: async () => bot.kill() },
    { name: "restart-bot", title: "Restart the bot", run: () => bot.restart() },
    { name: "heal-all", title: "Heal everything", run: () => world.healAll() },
    { name: "push-good", title: "Push a good release", run: async () => world.push("good") },
    {
      name: "push-migration",
      title: "Push a release with a migration",
      run: async () => world.push("migrates"),
    },
  ];
  return {
    faults: () => world.faults(),
    setFault: async (name, on) => {
      if (!world.isFault(name)) throw new Error(`There is no fault "${name}".`);
      await (on ? world.break(name) : world.heal(name));
    },
    effects: () => world.effects(),
    actions: () => actions.map(({ name, title }) => ({ name, title })),
    outside: () => outside.pages(),
    run: async (name) => {
      if (outside.press(name)) return changes.announce();
      const action = actions.find((action) => action.name === name);
      if (action === undefined) throw new Error(`There is no action "${name}".`);
      await action.run();
    },
    onChange: (listener) => changes.onChange(listener),
  };
}
