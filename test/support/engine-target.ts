import { randomBytes } from "node:crypto";

import { deriveApprovalKeys } from "../../src/core/approval-bond.ts";
import { Secret } from "../../src/core/secret.ts";

/** What an engine wants to know of a target about which nobody is asked. */
export const nobodyAsked = { operators: [], rosterAt: () => [], logOrigin: "test" } as const;

const keys = deriveApprovalKeys(new Secret(randomBytes(32).toString("base64")));

/** What an engine knows answers by, for tests of other things. */
export const someApprovals = { botId: 7, keys: async () => keys } as const;
