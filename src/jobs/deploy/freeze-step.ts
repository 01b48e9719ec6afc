import type { Coolify } from "../../systems/coolify.ts";
import type { ActStep, Results } from "../operation.ts";
import { lookPatiently } from "./patience.ts";

const TIMEOUT_MS = 90_000;

/**
 * Switches off that a push is deployed by itself: what people have agreed on would be replaced by whatever is pushed next.
 * It stays off; whoever wants it back says so in Coolify.
 */
export function freezeStep(parts: {
  readonly name: string;
  readonly coolify: Pick<Coolify, "autoDeploy" | "setAutoDeploy">;
  /** The applications whose auto-deploy was seen to be on. */
  applicationsOf(results: Results): readonly string[];
  applies?(results: Results): boolean;
}): ActStep {
  const { name, coolify, applicationsOf } = parts;
  return {
    kind: "act",
    name,
    timeoutMs: TIMEOUT_MS,
    applies: (results) => (parts.applies?.(results) ?? true) && applicationsOf(results).length > 0,
    async observe({ results, signal }) {
      const frozen = [...applicationsOf(results)];
      const on = await Promise.all(
        frozen.map(async (one) =>
          lookPatiently(async () => coolify.autoDeploy(one, signal), signal),
        ),
      );
      // Switching it off twice is switching it off once, so what is left on may be gone about again.
      return on.includes(true) ? { kind: "absent" } : { kind: "happened", result: { frozen } };
    },
    async act({ results, signal }) {
      const frozen = [...applicationsOf(results)];
      for (const application of frozen) await coolify.setAutoDeploy(application, false, signal);
      return { frozen };
    },
  };
}
