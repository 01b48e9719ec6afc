/** What has to be seen of a rotation before its guide goes on: somebody who says "done" may be on the wrong page. */
export type GuideSight = {
  /** The deed of the secret's procedure that is looked for. */
  readonly deed: string;
  readonly is: "waited-for" | "done";
  /** What is said as long as it is not so. */
  readonly notYet: string;
};

/** One thing that a person does, and what he does when it cannot be done. */
export type GuideStep = {
  readonly title: string;
  readonly lines: readonly string[];
  readonly ifItFails: readonly string[];
  /** Here the new one is handed over, so the ways to do it are shown as well. */
  readonly handsOver?: true;
  readonly until?: GuideSight;
};

/**
 * What a person does in the rotation of a secret that only a person can make, by the kind of the secret. The guide in the
 * private chat leads through it, a terminal shows it whole. None of it asks for the secret, which has ways of its own.
 */
export const rotationGuides: Readonly<Record<string, (secret: string) => readonly GuideStep[]>> = {
  "todoist-token": (secret) => {
    const handedOver = "a person has handed over a new one that Todoist accepts";
    return [
      {
        title: "Ask for it, and wait until it is your turn",
        lines: [
          `Type /rotate ${secret} in the group; somebody else says yes.`,
          "From then on whoever syncs is paused: jobs wait in the queue, and none is lost. The card says when it waits for you, and for how long it does.",
          "Do not make a new token before that. Todoist has one token at a time, and the old one is dead at once when you make another.",
        ],
        ifItFails: [
          "Nobody says yes, or somebody says no: nothing was changed. Ask again.",
          "It ends before it waits for you: the card says why, and what was paused runs again with the old token.",
        ],
        until: {
          deed: handedOver,
          is: "waited-for",
          notYet: `No rotation waits for a new ${secret} yet. Make none: the card in the group says how far it is.`,
        },
      },
      {
        title: "Issue a new token in Todoist",
        lines: [
          "In a browser, signed in as the user whose tasks are synced: Todoist → Settings → Integrations → Developer → Issue a new API token, and confirm.",
          "From this moment on the old one is refused, and nobody can bring it back; so go through with it now.",
          "Copy the new one, and paste it nowhere yet.",
        ],
        ifItFails: [
          "There is no such button: the app has none. Open todoist.com in a browser, and look whose account it is.",
          "You cannot do it now: leave it, and /cancel the run in the group. As long as the old token lives, everything runs again with it.",
          "You have issued one and lost it: issue another. The one before is dead anyway.",
        ],
      },
      {
        title: "Hand it over",
        lines: [],
        ifItFails: [
          "It is not accepted: mistyped, or the token of another user. It is forgotten again; hand over the right one.",
          "It cannot be opened: it was sealed for somebody else. Copy the command above anew.",
          `It took too long and the run has failed: what was paused stays paused and loses nothing. /rotate ${secret} goes on where it was, and waits for you again.`,
        ],
        handsOver: true,
        until: {
          deed: handedOver,
          is: "done",
          notYet: "No new one has come that Todoist accepts.",
        },
      },
      {
        title: "The rest is done for you",
        lines: [
          "The new one goes into the environment, and whoever syncs is made anew with it and runs again. Then Todoist has to accept it as the same user, and to refuse the old one.",
          "The card in the group says how it ends, and for how long nothing was synced. /smoke proves it afterwards by a task.",
        ],
        ifItFails: [
          `There is no way back to the old token, so it is gone on with: /rotate ${secret} finds what is done already and does the rest.`,
        ],
      },
    ];
  },

  "xai-key": (secret) => {
    const handedOver = "a person has handed over a new one";
    return [
      {
        title: "Ask for it, and wait until it is your turn",
        lines: [
          `Type /rotate ${secret} in the group; somebody else says yes. The card says when it waits for you, and for how long it does.`,
          "The old key stays valid until you disable it, so nobody is refused meanwhile.",
        ],
        ifItFails: ["Nobody says yes, or somebody says no: nothing was changed. Ask again."],
        until: {
          deed: handedOver,
          is: "waited-for",
          notYet: `No rotation waits for a new ${secret} yet: the card in the group says how far it is.`,
        },
      },
      {
        title: "Make a new key in xAI's console",
        lines: [
          "console.x.ai → the team of the present key → API Keys → Create API key. Name it so that it tells what uses it, and since which day.",
          "Permissions: the same as the present key's. If you do not know them: all endpoints and all models (api-key:endpoint:*, api-key:model:*). A key without any is refused whatever it asks.",
          "Limits: the present key's requests per second, requests per minute and tokens per minute. No day of expiry.",
          "Leave the old key as it is. Copy the new one, which is shown once, and paste it nowhere yet.",
        ],
        ifItFails: [
          "You see no keys, or may make none: you need a right in that team which its owner can give you.",
          "You have lost what was shown: delete that key again, and make another.",
        ],
      },
      {
        title: "Hand it over",
        lines: [],
        ifItFails: [
          "It cannot be opened: it was sealed for somebody else. Copy the command above anew.",
          `It was mistyped, or may do nothing at xAI: then nobody is given it, the run fails and leads back, and the old one stays in force. Delete it in the console, and begin again by /rotate ${secret}.`,
          "It took too long: the same.",
        ],
        handsOver: true,
        until: { deed: handedOver, is: "done", notYet: "No new one has come." },
      },
      {
        title: "Wait until the product uses it",
        lines: [
          "The new key has to work at xAI; then all that use it are made anew and have to answer with it. That takes minutes. The card in the group then asks for the old one to be disabled.",
        ],
        ifItFails: [
          "What fails is led back by itself, and the card says so: the old key is in force all the time. Delete the new one in the console.",
        ],
        until: {
          deed: "a person has disabled the old key at xAI",
          is: "waited-for",
          notYet:
            "The product has not proved yet that it uses the new one. Do not disable the old one.",
        },
      },
      {
        title: "Disable the old key, and do not delete it",
        lines: [
          "console.x.ai → API Keys → the old key → Disable. Look twice which one it is: by its name, its day, and its last letters.",
          "What is disabled can be enabled again, if something turns out to need it; what is deleted cannot.",
        ],
        ifItFails: [
          "Something nobody thought of fails now: enable it again in the console, and /cancel the run. It leads back, and asks you for exactly that.",
        ],
        until: {
          deed: "a person has disabled the old key at xAI",
          is: "done",
          notYet:
            "xAI still accepts the old one. Disabling may take a minute to be known everywhere.",
        },
      },
      {
        title: "The rest is done for you, but for one thing",
        lines: [
          "Everything has to stay good without the old key for a while. Then the card in the group asks anew, and somebody else says yes to a code.",
          "After that delete the disabled key in the console.",
        ],
        ifItFails: [
          `Nobody says yes: the new one is in force, the old one stays disabled. /rotate ${secret} asks again, /rotate ${secret} back brings the old one back.`,
        ],
      },
    ];
  },
};
