import { element, icon } from "./element.js";
import { clock, fileSize, fullDate } from "./format.js";
import { avatar, hueClass } from "./people.js";
import { richText } from "./rich-text.js";

/**
 * One message. `place` says how it stands among its neighbours: whether it opens or closes a row of messages by the same
 * person. `actions` are what its buttons do.
 */
export function bubble(message, { meId, isGroup, opens, closes, isWaiting, actions }) {
  if (message.service !== undefined) return serviceLine(message);
  const isMine = message.from.id === meId;
  const showsName = opens && isGroup && !isMine;
  return element(
    "article",
    {
      class: [
        "message",
        isMine ? "mine" : "theirs",
        opens ? "opens" : "",
        closes ? "closes" : "",
        message.receiverId === undefined ? "" : "ephemeral",
        isGroup ? "in-group" : "",
      ].join(" "),
      "aria-label": `${message.from.name}, ${clock(new Date(message.sentAt))}`,
    },
    isGroup &&
      !isMine &&
      (closes ? avatar(message.from) : element("span", { class: "avatar gap" })),
    element(
      "div",
      { class: "column" },
      element(
        "div",
        { class: "bubble" },
        showsName &&
          element(
            "p",
            { class: `sender ${hueClass(message.from)}` },
            message.from.name,
            message.from.isBot && element("span", { class: "tag" }, "bot"),
          ),
        message.receiverId !== undefined &&
          element("p", { class: "only-you" }, icon("eye"), "Only you can see this"),
        message.topic !== undefined && element("p", { class: "topic" }, `# ${message.topic.name}`),
        message.replyTo !== undefined && quote(message.replyTo, actions),
        message.file !== undefined && attachment(message.file),
        message.text !== "" &&
          element(
            "div",
            { class: "text", dir: "auto" },
            richText(message.text, message.entities, {
              key: `${message.chatId} ${message.id}`,
              onCommand: actions.say,
            }),
            foot(message),
          ),
        message.text === "" && foot(message),
        message.receiverId === undefined &&
          element(
            "button",
            {
              type: "button",
              class: "reply-to",
              "aria-label": `Reply to ${message.from.name}`,
              title: "Reply",
              onclick: () => actions.reply(message),
            },
            icon("reply"),
          ),
      ),
      message.buttons.length > 0 && keyboard(message, isWaiting, actions),
      message.reactions.length > 0 && reactions(message),
    ),
  );
}

function serviceLine(message) {
  return element(
    "p",
    { class: "service" },
    element("span", {}, `${message.from.name} ${message.service}`),
  );
}

function quote(replyTo, actions) {
  return element(
    "button",
    { type: "button", class: "reply", onclick: () => actions.showMessage(replyTo.id) },
    element("strong", {}, replyTo.name),
    element("span", {}, replyTo.text.split("\n")[0]),
  );
}

function attachment(file) {
  const href = `/api/files/${encodeURIComponent(file.fileId)}`;
  if (file.isPhoto) {
    return element(
      "a",
      { class: "photo", href, target: "_blank", rel: "noopener", "aria-label": "Open the photo" },
      element("img", { src: href, alt: "Photo" }),
    );
  }
  return element(
    "a",
    { class: "file", href, download: file.name },
    element("span", { class: "file-icon" }, icon("file")),
    element(
      "span",
      { class: "file-words" },
      element("strong", {}, file.name),
      element("span", {}, `${fileSize(file.size)} · Download`),
    ),
    icon("save"),
  );
}

function foot(message) {
  const sentAt = new Date(message.sentAt);
  return element(
    "span",
    { class: "foot" },
    message.pinned && mark("pin", "Pinned"),
    message.silent && mark("bell", "Sent without a sound"),
    message.protectedContent && mark("lock", "May not be forwarded"),
    message.editedAt !== undefined &&
      element("span", { title: `Edited ${fullDate(new Date(message.editedAt))}` }, "edited"),
    element("time", { datetime: message.sentAt, title: fullDate(sentAt) }, clock(sentAt)),
  );
}

function mark(name, title) {
  return element("span", { class: "mark", role: "img", title, "aria-label": title }, icon(name));
}

function keyboard(message, isWaiting, actions) {
  return element(
    "div",
    { class: "keyboard" },
    message.buttons.map((row) =>
      element(
        "div",
        { class: "row" },
        row.map((button) => inlineButton(message, button, isWaiting, actions)),
      ),
    ),
  );
}

function inlineButton(message, button, isWaiting, actions) {
  const style = button.style === undefined ? "" : `style-${button.style}`;
  switch (button.action.kind) {
    case "url":
      return element(
        "a",
        {
          class: `inline ${style}`,
          href: /^https?:/i.test(button.action.url) ? button.action.url : undefined,
          target: "_blank",
          rel: "noopener noreferrer",
        },
        element("span", {}, button.label),
        icon("link"),
      );
    case "copy":
      return element(
        "button",
        {
          type: "button",
          class: `inline ${style}`,
          onclick: () => actions.copy(button.action.text),
        },
        element("span", {}, button.label),
        icon("copy"),
      );
    case "disabled":
      return element(
        "button",
        { type: "button", class: `inline disabled ${style}`, disabled: true },
        element("span", {}, button.label),
      );
    default: {
      const waits = isWaiting(message, button);
      return element(
        "button",
        {
          type: "button",
          class: `inline ${style} ${waits ? "waiting" : ""}`,
          "aria-busy": waits ? "true" : undefined,
          onclick: () => actions.tap(message, button),
        },
        element("span", {}, button.label),
      );
    }
  }
}

function reactions(message) {
  const counts = Map.groupBy(message.reactions, ({ emoji }) => emoji);
  return element(
    "p",
    { class: "reactions" },
    [...counts].map(([emoji, given]) =>
      element("span", { class: "reaction" }, given.length > 1 ? `${emoji} ${given.length}` : emoji),
    ),
  );
}
