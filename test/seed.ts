/** Properties are tried on the same cases every time; FC_SEED tries others. */
import fc from "fast-check";

fc.configureGlobal({ seed: Number(process.env["FC_SEED"] ?? 13) });
