export type FaultSwitch = { readonly name: string; readonly title: string; readonly on: boolean };
export type Action = { readonly name: string; readonly title: string };

/** What the page may do to the world around the chat. */
export type Controls = {
  faults(): readonly FaultSwitch[];
  setFault(name: string, on: boolean): Promise<void>;
  effects(): Promise<Readonly<Record<string, number>>>;
  actions(): readonly Action[];
  run(action: string): Promise<void>;
  onChange(listener: () => void): () => void;
};
