/** Seeds that have shown something, for how long they were run, and what it was; all are run again in the long run. */
export const SEEDS: readonly {
  readonly seed: number;
  readonly minutes: number;
  readonly showed: string;
}[] = [
  {
    seed: 2,
    minutes: 2.5,
    showed: "a page was not heard as long as people went on asking in a busy chat",
  },
  {
    seed: 3,
    minutes: 2,
    showed: "of two replicas that started at once on an empty database one ended",
  },
  { seed: 6, minutes: 2, showed: "a bot that was told to stop before it was ready never ended" },
  {
    seed: 7,
    minutes: 5,
    showed: "a run was accused of what the world had taken away when dead letters were healed",
  },
  {
    seed: 9,
    minutes: 5,
    showed:
      "a message was said by two leaders within a moment, and its repeat did not go on saying so",
  },
];
