export type Fault<Name extends string = string> = {
  readonly name: Name;
  /** What it is like while it is on, in words for a button. */
  readonly title: string;
  /** Faults that cannot be on at the same time; breaking this one heals them first. */
  readonly insteadOf?: readonly NoInfer<Name>[];
  break(): void | Promise<void>;
  heal(): void | Promise<void>;
};

export type FaultState<Name extends string = string> = {
  readonly name: Name;
  readonly title: string;
  readonly on: boolean;
};

export type FaultRegistry<Name extends string> = {
  list(): readonly FaultState<Name>[];
  /** Breaking twice is breaking once. */
  break(name: Name): Promise<void>;
  heal(name: Name): Promise<void>;
  healAll(): Promise<void>;
  isName(name: string): name is Name;
};

/** One change at a time, in the order of the clicks. A fault that could not be broken or healed keeps its old state. */
export function createFaultRegistry<Name extends string>(
  faults: readonly Fault<Name>[],
  onChange: () => void = () => undefined,
): FaultRegistry<Name> {
  const on = new Set<Name>();
  let last: Promise<void> = Promise.resolve();

  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const turn = last.then(work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const faultNamed = (name: Name): Fault<Name> => {
    const fault = faults.find((fault) => fault.name === name);
    if (fault !== undefined) return fault;
    const names = faults.map((fault) => fault.name).join(", ");
    throw new Error(`There is no fault "${name}". The faults are: ${names}.`);
  };
  const healNow = async (name: Name): Promise<void> => {
    const fault = faultNamed(name);
    if (!on.has(name)) return;
    await fault.heal();
    on.delete(name);
    onChange();
  };

  return {
    list: () => faults.map(({ name, title }) => ({ name, title, on: on.has(name) })),
    break: (name) =>
      inTurn(async () => {
        const fault = faultNamed(name);
        if (on.has(name)) return;
        for (const other of fault.insteadOf ?? []) await healNow(other);
        try {
          await fault.break();
        } catch (error) {
          // Half broken is worse than whole; what this says does not matter beside the first error.
          await (async () => fault.heal())().catch(() => undefined);
          throw error;
        }
        on.add(name);
        onChange();
      }),
    heal: (name) => inTurn(() => healNow(name)),
    healAll: () =>
      inTurn(async () => {
        // The last one first: a fault may need what an earlier one left standing.
        for (const name of [...on].toReversed()) await healNow(name);
      }),
    isName: (name): name is Name => faults.some((fault) => fault.name === name),
  };
}
