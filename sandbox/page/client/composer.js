import { element, icon } from "./element.js";

const SHOWN_AT_MOST = 8;

/** Where one types. A slash opens the menu that the bot set for this person. */
export function createComposer(form, { send }) {
  let commands = [];
  let shown = [];
  let chosen = 0;

  const input = element("textarea", {
    id: "message-text",
    rows: 1,
    placeholder: "Message",
    "aria-label": "Message",
    "aria-autocomplete": "list",
    "aria-controls": "suggestions",
    enterkeyhint: "send",
    autocapitalize: "off",
    spellcheck: "false",
    maxlength: 4096,
  });
  const suggestions = element("ul", {
    id: "suggestions",
    class: "suggestions",
    role: "listbox",
    "aria-label": "Commands",
    hidden: true,
  });
  const menu = element(
    "button",
    { type: "button", class: "menu", "aria-label": "Commands", title: "Commands" },
    "/",
  );
  const submit = element(
    "button",
    { type: "submit", class: "send", "aria-label": "Send", title: "Send" },
    icon("send"),
  );
  const quote = element("p", { class: "quoting", hidden: true });
  form.replaceChildren(suggestions, quote, menu, input, submit);
  let repliesTo;

  function grow() {
    input.style.height = "auto";
    input.style.height = `${Math.min(input.scrollHeight, 160)}px`;
    submit.disabled = input.value.trim() === "";
  }

  function suggest() {
    const typed = /^\/(\w*)$/.exec(input.value)?.[1];
    shown =
      typed === undefined
        ? []
        : commands.filter(({ command }) => command.startsWith(typed)).slice(0, SHOWN_AT_MOST);
    chosen = Math.min(chosen, Math.max(0, shown.length - 1));
    suggestions.hidden = shown.length === 0;
    suggestions.replaceChildren(
      ...shown.map((command, index) =>
        element(
          "li",
          {
            id: `suggestion-${index}`,
            role: "option",
            "aria-selected": String(index === chosen),
            onmousedown: (event) => {
              event.preventDefault();
              take(command);
            },
          },
          element("strong", {}, `/${command.command}`),
          element("span", {}, command.description),
        ),
      ),
    );
    if (shown.length === 0) input.removeAttribute("aria-activedescendant");
    else input.setAttribute("aria-activedescendant", `suggestion-${chosen}`);
  }

  /** Into the field, not yet sent: many commands want a word more. */
  function take({ command }) {
    input.value = `/${command} `;
    input.focus();
    update();
  }

  function update() {
    grow();
    suggest();
  }

  async function submitText() {
    const text = input.value.trim();
    if (text === "") return;
    const target = repliesTo;
    input.value = "";
    replyTo(undefined);
    if (!(await send(text, target?.id))) {
      input.value = text;
      replyTo(target);
    }
  }

  /** What is sent next answers this message; nothing in particular without one. */
  function replyTo(message) {
    repliesTo = message;
    quote.hidden = message === undefined;
    if (message !== undefined) {
      const line = message.text.split("\n")[0];
      quote.replaceChildren(
        element("strong", {}, `Reply to ${message.from.name}`),
        element("span", {}, line === "" ? "File" : line),
        element(
          "button",
          {
            type: "button",
            class: "plain",
            "aria-label": "Do not reply",
            onclick: () => replyTo(undefined),
          },
          icon("close"),
        ),
      );
      input.focus();
    }
    update();
  }

  input.addEventListener("input", () => {
    chosen = 0;
    update();
  });
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const isOpen = shown.length > 0;
    if (isOpen && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : shown.length - 1;
      chosen = (chosen + step) % shown.length;
      suggest();
    } else if (isOpen && event.key === "Tab") {
      event.preventDefault();
      take(shown[chosen]);
    } else if (isOpen && event.key === "Escape") {
      shown = [];
      suggestions.hidden = true;
    } else if (event.key === "Escape") {
      replyTo(undefined);
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      const isPartOfName = isOpen && input.value !== `/${shown[chosen].command}`;
      if (isPartOfName) take(shown[chosen]);
      else void submitText();
    }
  });
  input.addEventListener("blur", () => {
    suggestions.hidden = true;
  });
  input.addEventListener("focus", update);
  menu.addEventListener("click", () => {
    if (input.value === "") input.value = "/";
    input.focus();
    update();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submitText();
  });
  grow();

  return {
    setCommands: (next) => {
      if (JSON.stringify(next) === JSON.stringify(commands)) return;
      commands = next;
      menu.disabled = commands.length === 0;
      if (document.activeElement === input) suggest();
    },
    setPlaceholder: (text) => {
      input.placeholder = text;
    },
    replyTo,
    focus: () => input.focus(),
  };
}
