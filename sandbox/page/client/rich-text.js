import { element } from "./element.js";
import { entityTree } from "./entity-tree.js";
import { dateTime, fullDate } from "./format.js";

const INLINE = {
  bold: "strong",
  italic: "em",
  underline: "u",
  strikethrough: "s",
  code: "code",
};
const BLOCKS = new Set(["blockquote", "expandable_blockquote", "pre"]);
const LINES_FOLDED = 3;

/** The opened quotes and spoilers, so that a message that is drawn anew does not close them. */
const opened = new Set();

/**
 * A message's text as DOM nodes. `key` names the message for what the reader opened in it; `onCommand` is told when a
 * command in the text is tapped.
 */
export function richText(text, entities, { key, onCommand }) {
  return render(entityTree(text, entities), { key, onCommand, text });
}

function render(nodes, context) {
  return nodes.map((node, index) => {
    if (typeof node !== "string") return renderEntity(node, context);
    const previous = nodes[index - 1];
    const followsBlock = typeof previous === "object" && BLOCKS.has(previous.entity.type);
    // A block ends its line by itself; the line feed behind it would show as an empty line.
    return followsBlock && node.startsWith("\n") ? node.slice(1) : node;
  });
}

function renderEntity({ entity, children }, context) {
  const inner = () => render(children, context);
  const tag = INLINE[entity.type];
  if (tag !== undefined) return element(tag, {}, inner());
  const key = `${context.key} ${entity.offset}`;
  switch (entity.type) {
    case "pre":
      return element(
        "pre",
        { tabindex: 0 },
        entity.language && element("span", { class: "language" }, entity.language),
        element("code", {}, inner()),
      );
    case "blockquote":
      return element("blockquote", {}, inner());
    case "expandable_blockquote":
      return foldedQuote(key, inner(), textOf(children));
    case "spoiler":
      return spoiler(key, inner());
    case "text_link":
      return link(entity.url, inner());
    case "url":
      return link(textOf(children), inner());
    case "email":
      return link(`mailto:${textOf(children)}`, inner());
    case "bot_command":
      return element(
        "button",
        {
          type: "button",
          class: "command",
          onclick: () => context.onCommand(textOf(children).replace(/@\w+$/, "")),
        },
        inner(),
      );
    case "mention":
    case "text_mention":
    case "hashtag":
    case "cashtag":
    case "phone_number":
      return element("span", { class: "mention" }, inner());
    case "date_time":
      return time(entity, textOf(children));
    default:
      return element("span", {}, inner());
  }
}

function textOf(nodes) {
  return nodes.map((node) => (typeof node === "string" ? node : textOf(node.children))).join("");
}

/** Only to the web: what a message links to is not ours to trust. */
function link(url, children) {
  const isWeb = /^(?:https?|mailto|tg):/i.test(url);
  if (!isWeb) return element("span", { class: "mention", title: url }, children);
  return element(
    "a",
    { href: url, target: "_blank", rel: "noopener noreferrer", title: url },
    children,
  );
}

function time(entity, text) {
  const date = new Date(entity.unix_time * 1_000);
  const format = entity.date_time_format ?? "";
  return element(
    "time",
    { datetime: date.toISOString(), title: fullDate(date), "data-format": format },
    format === "" ? text : dateTime(date, format),
  );
}

/** Relative times grow old while they are looked at. */
export function refreshTimes(root) {
  for (const shown of root.querySelectorAll('time[data-format="r"]')) {
    shown.textContent = dateTime(new Date(shown.dateTime), "r");
  }
}

function foldedQuote(key, children, text) {
  const isLong = text.split("\n").length > LINES_FOLDED || text.length > 160;
  if (!isLong) return element("blockquote", {}, children);
  const quote = element("blockquote", { class: "foldable" }, element("div", {}, children));
  const toggle = element("button", { type: "button", class: "fold" });
  const show = () => {
    const isOpen = opened.has(key);
    quote.classList.toggle("open", isOpen);
    toggle.setAttribute("aria-expanded", String(isOpen));
    toggle.textContent = isOpen ? "Show less" : `Show all ${text.split("\n").length} lines`;
  };
  const flip = () => {
    if (!opened.delete(key)) opened.add(key);
    show();
  };
  toggle.addEventListener("click", (event) => {
    event.stopPropagation();
    flip();
  });
  quote.addEventListener("click", (event) => {
    const isControl = event.target.closest("a, button") !== null;
    if (!isControl && getSelection()?.isCollapsed !== false) flip();
  });
  quote.append(toggle);
  show();
  return quote;
}

function spoiler(key, children) {
  const isOpen = opened.has(key);
  const hidden = element("span", { "aria-hidden": String(!isOpen) }, children);
  const shown = element(
    "span",
    {
      class: isOpen ? "spoiler open" : "spoiler",
      role: "button",
      tabindex: 0,
      "aria-label": isOpen ? false : "Hidden text, press to show",
    },
    hidden,
  );
  const open = () => {
    opened.add(key);
    shown.classList.add("open");
    shown.removeAttribute("aria-label");
    hidden.setAttribute("aria-hidden", "false");
  };
  shown.addEventListener("click", open);
  shown.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") open();
  });
  return shown;
}
