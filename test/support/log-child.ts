/** Does one thing to a signed log as a process of its own, which a test kills on the way. */
import { ada, openSignedLog } from "./signed-log.ts";

const [, , url = "", folder = "", verb = "", repository = ""] = process.argv;
const witness = repository === "" ? undefined : { repository, branch: "evidence" };
await using opened = await openSignedLog({ url, folder, parts: { witness } });
const { log } = opened;

switch (verb) {
  case "sign":
    await log.checkpointer.sign();
    break;
  case "rotate":
    await log.rotateKey({ actor: ada, reason: "a laptop was lost" });
    break;
  case "adopt":
    await log.adopt({ actor: ada, reason: "a backup was restored" });
    break;
  case "witness":
    await log.keepCheckpoints(AbortSignal.timeout(5_000));
    break;
  default:
    throw new Error(`There is nothing to do by the name of "${verb}".`);
}
