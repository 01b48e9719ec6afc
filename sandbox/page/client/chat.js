import { bubble } from "./bubble.js";
import { element, icon } from "./element.js";
import { dayName } from "./format.js";
import { refreshTimes } from "./rich-text.js";

const NEAR_BOTTOM_PX = 80;
const SAME_ROW_MS = 5 * 60_000;
const REFRESH_TIMES_MS = 10_000;

/** The list of messages. It keeps what did not change, so that nothing flickers, closes or loses the focus. */
export function createChat({ list, toNewest, pinned }, actions) {
  /** The drawn elements by key, each with the text of the data that it was drawn from. */
  const drawn = new Map();
  let shownView = "";
  let unseen = 0;

  const isAtBottom = () => list.scrollHeight - list.scrollTop - list.clientHeight < NEAR_BOTTOM_PX;
  const scrollToBottom = (behavior) => list.scrollTo({ top: list.scrollHeight, behavior });

  const jump = element(
    "button",
    { type: "button", class: "jump", "aria-label": "To the newest message", hidden: true },
    icon("down"),
    element("span", { class: "count" }),
  );
  jump.addEventListener("click", () => scrollToBottom("smooth"));
  toNewest.append(jump);
  list.addEventListener("scroll", () => {
    if (isAtBottom()) unseen = 0;
    showJump();
  });
  setInterval(() => refreshTimes(list), REFRESH_TIMES_MS);

  function showJump() {
    jump.hidden = isAtBottom();
    jump.querySelector(".count").textContent = unseen === 0 ? "" : String(unseen);
  }

  function render(state, isWaiting) {
    const view = `${state.me.name} ${state.chat.kind}`;
    const isOtherView = view !== shownView;
    const follows = isOtherView || isAtBottom();
    const before = drawn.size;
    if (isOtherView) drawn.clear();
    shownView = view;

    const wanted = rowsOf(state, isWaiting);
    const keys = new Set(wanted.map((row) => row.key));
    for (const key of drawn.keys()) if (!keys.has(key)) drawn.delete(key);
    for (const row of wanted) {
      if (drawn.get(row.key)?.data !== row.data)
        drawn.set(row.key, { data: row.data, node: row.draw() });
    }
    place(
      list,
      wanted.map((row) => drawn.get(row.key).node),
    );
    if (wanted.length === 0) list.replaceChildren(emptyChat(state));

    if (follows) scrollToBottom("instant");
    else unseen += Math.max(0, drawn.size - before);
    showJump();
    renderPinned(state);
  }

  /** Everything that stands in the list, in order: days and messages. */
  function rowsOf(state, isWaiting) {
    const rows = [];
    let day = "";
    state.messages.forEach((message, index) => {
      const name = dayName(new Date(message.sentAt));
      if (name !== day) {
        day = name;
        rows.push({
          key: `day ${name}`,
          data: name,
          draw: () => element("p", { class: "service day" }, element("span", {}, name)),
        });
      }
      const opens = !isSameRow(state.messages[index - 1], message);
      const closes = !isSameRow(message, state.messages[index + 1]);
      const waiting = message.buttons.flat().filter((button) => isWaiting(message, button));
      rows.push({
        key: keyOf(message),
        data: JSON.stringify([message, opens, closes, waiting]),
        draw: () => {
          const node = bubble(message, {
            meId: state.me.id,
            isGroup: state.chat.kind === "group",
            opens,
            closes,
            isWaiting,
            actions: { ...actions, showMessage },
          });
          node.dataset.id = String(message.id);
          return node;
        },
      });
    });
    return rows;
  }

  function showMessage(id) {
    const node = list.querySelector(`[data-id="${CSS.escape(String(id))}"]`);
    if (node === null) return;
    node.scrollIntoView({ behavior: "smooth", block: "center" });
    node.classList.remove("flash");
    requestAnimationFrame(() => node.classList.add("flash"));
  }

  function renderPinned(state) {
    const message = state.messages.findLast((message) => message.pinned);
    pinned.hidden = message === undefined;
    if (message === undefined) return;
    const line = message.text.split("\n")[0];
    pinned.replaceChildren(
      element(
        "button",
        { type: "button", onclick: () => showMessage(message.id) },
        icon("pin"),
        element("strong", {}, "Pinned message"),
        element("span", {}, line === "" ? "File" : line),
      ),
    );
  }

  return { render, scrollToBottom };
}

function keyOf(message) {
  const kind = message.receiverId === undefined ? "message" : "ephemeral";
  return `${kind} ${message.chatId} ${message.id}`;
}

function isSameRow(first, second) {
  if (first === undefined || second === undefined) return false;
  if (first.service !== undefined || second.service !== undefined) return false;
  const apartMs = new Date(second.sentAt).getTime() - new Date(first.sentAt).getTime();
  return first.from.id === second.from.id && apartMs < SAME_ROW_MS;
}

/** Brings the list's children into the wanted order and touches only what has to move. */
function place(list, nodes) {
  const wanted = new Set(nodes);
  for (const child of list.querySelectorAll(":scope > *")) {
    if (!wanted.has(child)) child.remove();
  }
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
}

function emptyChat(state) {
  const hint =
    state.chat.kind === "group"
      ? "Nothing has been said yet. Type a command, for example /help."
      : `A private chat with ${state.bot.name}. It cannot write first: say something.`;
  return element("p", { class: "service empty" }, element("span", {}, hint));
}
