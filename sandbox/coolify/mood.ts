/** How this Coolify feels today; faults change it. */
export type CoolifyMood = {
  answers: "well" | "slowly" | "too-many-requests";
  /** What becomes of the answer to a request that was accepted and has changed something. */
  acceptances: "answered" | "lost-in-an-error" | "cut";
  /** `restart`: Coolify itself is restarted in the middle, and takes what worked for failed. */
  deployments: "well" | "wait" | "hang" | "fail" | "vanish" | "restart";
  queue: "as-it-is" | "full";
  /** What somebody else does as soon as a deployment of ours has begun. */
  others: "sleep" | "overtake" | "push";
};

export function goodMood(): CoolifyMood {
  return {
    answers: "well",
    acceptances: "answered",
    deployments: "well",
    queue: "as-it-is",
    others: "sleep",
  };
}
