import { Api } from "grammy";

/**
 * What a plugin is given that wants to call Telegram itself, which nothing here does past the sender. It has no token, and
 * whatever is asked of it fails before it reaches the network: plugins make clients of their own from these very options.
 */
export function closedApi(): Api {
  return new Api("0:none", {
    fetch: async () => {
      throw new Error("A plugin called Telegram past the sender; say it by a card.");
    },
  });
}
