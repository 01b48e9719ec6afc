import { createChat } from "./chat.js";
import { createComposer } from "./composer.js";
import { createActAs, createHeader } from "./header.js";
import { createPane } from "./pane.js";
import * as server from "./server.js";
import { alertDialog, toast } from "./toast.js";

const BUTTON_WAITS_MS = 10_000;

const byId = (id) => document.getElementById(id);

/** Who looks at which chat; kept in the address, so that two tabs can be two people. */
const view = { as: "operator", chat: "group" };
let state;
let isConnected = true;
let lastAnswerId;
let lastQuestionId = 0;
/** The presses that have no answer yet, by the button that shows the spinner. */
const waiting = new Map();

const buttonKey = (message, button) => `${message.chatId} ${message.id} ${button.label}`;
const isWaiting = (message, button) => waiting.has(buttonKey(message, button));

const header = createHeader(byId("chat-header"), { openPane: () => showPane(true) });
const actAs = createActAs(byId("act-as"), { choose });
const chat = createChat(
  { list: byId("messages"), toNewest: byId("to-newest"), pinned: byId("pinned") },
  { tap, say, copy, reply: (message) => composer.replyTo(message) },
);
const composer = createComposer(byId("composer"), { send: say });
const pane = createPane(byId("pane"), {
  setFault: (name, on, button) => busy(button, () => server.setFault(name, on)),
  runAction: (name, button) => busy(button, () => server.runAction(name)),
  copy,
  loadCalls: async () => {
    const [calls, violations] = await Promise.all([server.getCalls(), server.getViolations()]);
    return { calls, violations };
  },
  onClose: () => showPane(false),
});

async function say(text, replyTo) {
  return await attempt(async () => {
    await server.say({ as: view.as, chat: view.chat, text, replyTo });
    chat.scrollToBottom("smooth");
  });
}

async function tap(message, button) {
  const key = buttonKey(message, button);
  if (waiting.has(key)) return;
  const press = { queryId: undefined };
  waiting.set(key, press);
  render();
  const done = await attempt(async () => {
    ({ queryId: press.queryId } = await server.tap({
      as: view.as,
      messageId: message.id,
      label: button.label,
    }));
  });
  if (done) {
    takeAnswers();
    render();
    setTimeout(() => endWait(key, press), BUTTON_WAITS_MS);
  } else endWait(key, press);
}

function endWait(key, press) {
  if (waiting.get(key) !== press) return;
  waiting.delete(key);
  render();
}

async function copy(text) {
  await attempt(async () => {
    await navigator.clipboard.writeText(text);
    toast("Copied");
  });
}

/** Does something that may be refused; the refusal is shown in its own words. */
async function attempt(act) {
  try {
    await act();
    return true;
  } catch (error) {
    toast(error.message, "bad");
    return false;
  }
}

async function busy(button, act) {
  button.setAttribute("aria-busy", "true");
  await attempt(act);
  button.removeAttribute("aria-busy");
}

function choose(change) {
  Object.assign(view, change);
  composer.replyTo(undefined);
  location.hash = `${view.as}/${view.chat}`;
}

function readAddress() {
  const [as, chat] = location.hash.slice(1).split("/");
  if (["viewer", "operator", "approver", "stranger"].includes(as)) view.as = as;
  if (["group", "private"].includes(chat)) view.chat = chat;
}

function showPane(isShown) {
  document.body.classList.toggle("pane-open", isShown);
  if (isShown) {
    byId("pane").querySelector('[role="tab"][tabindex="0"]').focus();
    void pane.refresh();
  } else {
    document.querySelector(".to-pane").focus();
  }
}

/** Ends the spinners of the answered presses and shows what the bot said to this person. */
function takeAnswers() {
  const answered = new Set(state.answers.map(({ queryId }) => queryId));
  for (const [key, { queryId }] of waiting) {
    if (queryId !== undefined && answered.has(queryId)) waiting.delete(key);
  }
  const fresh = state.answers.filter(({ id, text }) => id > lastAnswerId && text !== "");
  lastAnswerId = state.newestAnswerId;
  for (const { text, alert } of fresh) {
    if (alert) alertDialog(text, state.bot.name);
    else toast(text);
  }
}

/** A message that asks for a reply opens the field for one, once, if it is the newest. */
function takeQuestion() {
  const newest = state.messages.at(-1);
  const isAsked = newest?.asksReplyOf === "everybody" || newest?.asksReplyOf === state.me.id;
  if (!isAsked || newest.id === lastQuestionId) return;
  lastQuestionId = newest.id;
  composer.replyTo(newest);
}

function render() {
  if (state === undefined) return;
  header.render(state, isConnected);
  actAs.render(state);
  composer.setCommands(state.commands);
  composer.setPlaceholder(
    state.chat.kind === "group" ? `Message ${state.chat.title}` : `Message ${state.bot.name}`,
  );
  chat.render(state, isWaiting);
  pane.render(state);
}

let isLoading = false;
let isStale = false;

/** One look at a time; what changes meanwhile makes one more look, not many. */
async function load() {
  isStale = true;
  if (isLoading) return;
  isLoading = true;
  try {
    while (isStale) {
      isStale = false;
      state = await server.getState(view);
      lastAnswerId ??= state.newestAnswerId;
      takeAnswers();
      takeQuestion();
      render();
    }
  } catch (error) {
    toast(`The sandbox cannot be reached: ${error.message}`, "bad");
  } finally {
    isLoading = false;
  }
}

addEventListener("hashchange", () => {
  readAddress();
  void load();
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.body.classList.contains("pane-open")) showPane(false);
});
readAddress();
server.listen(
  () => void load(),
  (connected) => {
    isConnected = connected;
    if (connected) void load();
    else render();
  },
);
void load();
if (matchMedia("(min-width: 900px) and (hover: hover)").matches) composer.focus();
