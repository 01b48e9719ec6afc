import { createGate, type Gate } from "../gate.ts";
import type { Job } from "./queue.ts";

/** What a fault can do to the worker, whichever process of it runs. */
export type WorkerControls = {
  pause(): void;
  resume(): void;
  /** Is killed with the next job of that kind in its hands, before it has begun with it. */
  dieHolding(death: Death): void;
  /** Starts again if it is dead, and will not be killed any more. What died with it stays lost. */
  revive(): void;
};

type Death = {
  readonly holds: (job: Job) => boolean;
  /** Whether it is started again at once, as a container with a restart policy is. */
  readonly comesBack: boolean;
};

/** How the process that runs obeys them. */
export type WorkerReins = {
  /** Shut while it is to stand still. */
  readonly hand: Gate;
  /** Shut while it is dead. */
  readonly life: Gate;
  /** Whether it dies now, with this job in its hands. */
  diesHolding(job: Job): boolean;
};

export function createWorkerControls(): WorkerControls & { readonly reins: WorkerReins } {
  const hand = createGate();
  const life = createGate();
  let death: Death | undefined;
  return {
    pause: () => hand.shut(),
    resume: () => hand.open(),
    dieHolding: (next) => {
      death = next;
    },
    revive: () => {
      death = undefined;
      life.open();
    },
    reins: {
      hand,
      life,
      diesHolding: (job) => {
        if (death?.holds(job) !== true) return false;
        if (!death.comesBack) life.shut();
        death = undefined;
        return true;
      },
    },
  };
}
