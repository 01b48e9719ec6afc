import { element, icon } from "./element.js";
import { badge } from "./pane.js";
import { avatar } from "./people.js";

const ROLES = {
  viewer: "viewer",
  operator: "operator",
  approver: "approver",
  stranger: "stranger",
};

/** The name of the chat, and the way to the pane behind it. */
export function createHeader(header, { openPane }) {
  const title = element("h1", {});
  const subtitle = element("p", {});
  const picture = element("span", { class: "picture" });
  const count = element("span", { class: "badge", hidden: true });
  const toPane = element(
    "button",
    { type: "button", class: "plain to-pane", "aria-label": "World and calls", onclick: openPane },
    icon("world"),
    element("span", {}, "World"),
    count,
  );
  header.replaceChildren(picture, element("div", { class: "titles" }, title, subtitle), toPane);

  return {
    render: (state, isConnected) => {
      const isGroup = state.chat.kind === "group";
      title.textContent = state.chat.title;
      const members = `${state.people.length + 1} members`;
      subtitle.textContent = !isConnected ? "connecting…" : isGroup ? members : "bot";
      picture.replaceChildren(
        isGroup
          ? element("span", { class: "avatar group", "aria-hidden": "true" }, state.chat.title[0])
          : avatar({ id: state.bot.id, name: state.bot.name, isBot: true }),
      );
      badge(count, state.violations + state.faults.filter(({ on }) => on).length);
      count.classList.toggle("quiet", state.violations === 0);
    },
  };
}

/** Who one is, and in which chat. Native radio buttons: arrow keys and screen readers know them. */
export function createActAs(bar, { choose }) {
  let drawnFor = "";

  const radio = (group, value, isChecked, onchange, ...children) =>
    element(
      "label",
      { class: `choice ${group}` },
      element("input", { type: "radio", name: group, value, checked: isChecked, onchange }),
      element("span", { class: "face" }, children),
    );

  return {
    render: (state) => {
      const view = `${state.me.name} ${state.chat.kind}`;
      if (view === drawnFor) return;
      const hadFocus = bar.contains(document.activeElement)
        ? document.activeElement.name
        : undefined;
      drawnFor = view;
      bar.replaceChildren(
        element(
          "fieldset",
          { class: "people" },
          element("legend", {}, "Act as"),
          state.people.map((person) =>
            radio(
              "persona",
              person.name,
              person.name === state.me.name,
              () => choose({ as: person.name }),
              avatar({ id: person.id, name: person.firstName }),
              element(
                "span",
                { class: "who" },
                element("strong", {}, person.firstName),
                element("small", {}, ROLES[person.name] ?? person.name),
              ),
            ),
          ),
        ),
        element(
          "fieldset",
          { class: "where" },
          element("legend", {}, "Chat"),
          ["group", "private"].map((kind) =>
            radio(
              "chat",
              kind,
              kind === state.chat.kind,
              () => choose({ chat: kind }),
              kind === "group" ? "Group" : "Private",
            ),
          ),
        ),
      );
      if (hadFocus !== undefined) bar.querySelector(`input[name="${hadFocus}"]:checked`)?.focus();
    },
  };
}
