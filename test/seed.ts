/** Properties are tried on the same cases every time; FC_SEED tries others. */
import { configureGlobal } from "fast-check";

configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 13) });
