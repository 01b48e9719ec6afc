import type { Systems } from "../../src/systems/index.ts";

/** Systems that nobody may ask anything of. */
export const systemsOfNobody: Systems = new Proxy({} as Systems, {
  get(_systems, name) {
    throw new Error(`Nobody was to ask ${String(name)} anything.`);
  },
});
