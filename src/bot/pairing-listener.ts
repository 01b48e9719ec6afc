import { formatDuration } from "../core/duration.ts";
import {
  hear,
  type Expectation,
  type Group,
  type Heard,
  type Person,
  type Topic,
} from "./pairing.ts";
import { SetupError } from "./setup-error.ts";
import type { SetupUpdates } from "./setup-updates.ts";

export type ListenerParts = {
  readonly updates: SetupUpdates;
  readonly botUsername: string;
  readonly newCode: () => string;
  readonly codeLifetimeMs: number;
  readonly tell: (text: string) => void;
};

type Paired = { readonly person: Person; readonly topicId: number | undefined };

/** Waits for one code at a time, and takes note of what it hears of the group meanwhile. */
export type PairingListener = {
  /** The code that counts now. It is spent, and another one takes its place, as soon as it was typed. */
  code(): string;
  /** The ops group; known once somebody was paired. */
  group(): Group;
  /** The group turned out to have another id. */
  moved(group: Group): void;
  topics(): readonly Topic[];
  /**
   * Who types the code next; undefined when the signal or the end of the code's life came first.
   *
   * @throws {SetupError} when somebody is guessing, or nothing can be heard any more
   */
  next(signal: AbortSignal): Promise<Paired | undefined>;
};

const WRONG_CODES_AT_MOST = 5;

export function createPairingListener(parts: ListenerParts): PairingListener {
  const { updates, tell } = parts;
  const topics = new Map<number, Topic>();
  let expected: Expectation = {
    botUsername: parts.botUsername,
    code: parts.newCode(),
    group: undefined,
    upgrading: undefined,
  };
  /** Who typed the code in a group that is still to become a supergroup. */
  let waiting: Person | undefined;
  let wrongCodes = 0;

  function take(heard: Heard): Paired | undefined {
    switch (heard.kind) {
      case "paired":
        if (heard.topicId !== undefined) note({ id: heard.topicId, name: undefined });
        return settle(heard.group, heard);
      case "basic-group":
        waiting = heard.person;
        expected = { ...expected, upgrading: heard.group };
        return said(
          `“${heard.group.title}” is a basic group, whose id would change one day. Make it a supergroup: in its ` +
            "settings switch Topics on, or make the chat history visible for new members. Then the set-up goes on.",
        );
      case "migrated":
        tell(`“${heard.group.title}” is a supergroup now; its id is ${heard.group.id}.`);
        return settle(heard.group, waiting && { person: waiting, topicId: undefined });
      case "wrong-code":
        wrongCodes += 1;
        if (wrongCodes >= WRONG_CODES_AT_MOST) throw guessed();
        return said(
          `${introduced(heard.person)} typed a wrong code in ${heard.where}: ${wrongCodes} of ${WRONG_CODES_AT_MOST}.`,
        );
      case "elsewhere": {
        const right = expected.group === undefined ? "the ops group" : `“${expected.group.title}”`;
        return said(
          `${introduced(heard.person)} typed the code in ${heard.where}. It belongs in ${right}, and is still good.`,
        );
      }
      case "disguised":
        return said(
          `The code came from a sender who is hidden or borrowed (${heard.reason}). Type it as a message of your own; ` +
            "an anonymous administrator switches “Remain anonymous” off first.",
        );
      case "topic":
        note(heard.topic);
        return undefined;
      case "nothing":
        return undefined;
    }
  }

  function settle(group: Group, paired: Paired | undefined): Paired | undefined {
    expected = { ...expected, group, upgrading: undefined };
    if (!paired) return undefined;
    waiting = undefined;
    expected = { ...expected, code: parts.newCode() };
    return { person: paired.person, topicId: paired.topicId };
  }

  function said(text: string): undefined {
    tell(text);
    return undefined;
  }

  function note({ id, name }: Topic): void {
    topics.set(id, { id, name: name ?? topics.get(id)?.name });
  }

  return {
    code: () => expected.code,
    group() {
      if (!expected.group) throw new Error("The group is known only once somebody is paired.");
      return expected.group;
    },
    moved(group) {
      if (group.id !== expected.group?.id) take({ kind: "migrated", from: 0, group });
    },
    topics: () => [...topics.values()],
    async next(signal) {
      const alive = AbortSignal.any([signal, AbortSignal.timeout(parts.codeLifetimeMs)]);
      while (!alive.aborted) {
        const batch = await updates.next(alive);
        let paired: Paired | undefined;
        // All of them, for what follows a code in the same batch may tell of a topic, or be the next guess.
        for (const update of batch) paired = take(hear(update, expected)) ?? paired;
        if (paired) return paired;
      }
      return undefined;
    },
  };
}

export function introduced({ name, id }: Person): string {
  return `${name} (${id})`;
}

export function lifetime({ codeLifetimeMs }: Pick<ListenerParts, "codeLifetimeMs">): string {
  return formatDuration(codeLifetimeMs);
}

function guessed(): SetupError {
  return new SetupError(
    `${WRONG_CODES_AT_MOST} wrong codes were typed, so somebody may be guessing; the set-up ends and nothing was ` +
      "written. Look at who is in the group, and start again for a new code.",
  );
}
