export type FaultSwitch = { readonly name: string; readonly title: string; readonly on: boolean };
export type Action = { readonly name: string; readonly title: string };

/** A page of somebody else's, as the person sees it whose account it is. */
export type OutsidePage = {
  readonly name: string;
  readonly title: string;
  /** What was made there last, for its maker to copy. */
  readonly issued: { readonly what: string; readonly secret: string } | undefined;
  readonly rows: readonly { readonly text: string; readonly actions: readonly Action[] }[];
  readonly actions: readonly Action[];
};

/** What the page may do to the world around the chat. */
export type Controls = {
  faults(): readonly FaultSwitch[];
  setFault(name: string, on: boolean): Promise<void>;
  effects(): Promise<Readonly<Record<string, number>>>;
  actions(): readonly Action[];
  /** Where people do what only they can do. */
  outside(): readonly OutsidePage[];
  /** Presses a button of the sandbox, or of a page outside. */
  run(action: string): Promise<void>;
  onChange(listener: () => void): () => void;
};
