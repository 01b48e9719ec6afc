import { element, icon } from "./element.js";
import { clockWithSeconds, words } from "./format.js";

const TABS = [
  { name: "world", title: "World" },
  { name: "calls", title: "Calls" },
];

/** Behind the chat: what can be broken, what the bot has really done, and what it asked of Telegram. */
export function createPane(pane, { setFault, runAction, copy, loadCalls, onClose }) {
  let tab = "world";
  let showsPolls = false;
  let calls = [];
  let violations = [];
  const openCalls = new Set();

  const tabs = element(
    "div",
    { class: "tabs", role: "tablist", "aria-label": "Behind the chat" },
    TABS.map(({ name, title }) =>
      element(
        "button",
        {
          type: "button",
          role: "tab",
          id: `tab-${name}`,
          "aria-controls": `panel-${name}`,
          onclick: () => select(name),
          onkeydown: (event) => {
            if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
              select(name === "world" ? "calls" : "world");
              pane.querySelector(`#tab-${tab}`).focus();
            }
          },
        },
        title,
        element("span", { class: "badge", hidden: true }),
      ),
    ),
  );
  const close = element(
    "button",
    { type: "button", class: "plain close", "aria-label": "Back to the chat", onclick: onClose },
    icon("close"),
  );
  const faultList = element("div", { class: "faults" });
  const actionList = element("div", { class: "actions" });
  const outsideList = element("div", { class: "outside" });
  const effectList = element("dl", { class: "effects" });
  const world = element(
    "div",
    { id: "panel-world", role: "tabpanel", "aria-labelledby": "tab-world", class: "panel" },
    section("Break something", "One click each; another click heals it.", faultList),
    section("Do something", undefined, actionList),
    section("Elsewhere", "Pages of others, where you are signed in.", outsideList),
    section("What really happened", "Counted by the sandbox, not by the bot.", effectList),
  );
  const violationList = element("ul", { class: "violations" });
  const callList = element("ol", { class: "calls" });
  const polls = element(
    "label",
    { class: "check" },
    element("input", {
      type: "checkbox",
      onchange: (event) => {
        showsPolls = event.target.checked;
        renderCalls();
      },
    }),
    "Show getUpdates",
  );
  const callsPanel = element(
    "div",
    { id: "panel-calls", role: "tabpanel", "aria-labelledby": "tab-calls", class: "panel" },
    section("Violations", "What the real Bot API would not have taken or sent.", violationList),
    section("Calls", "What the bot asked of Telegram, newest first.", polls, callList),
  );
  pane.replaceChildren(element("header", { class: "pane-header" }, tabs, close), world, callsPanel);

  function select(name) {
    tab = name;
    for (const { name } of TABS) {
      const isSelected = name === tab;
      const button = pane.querySelector(`#tab-${name}`);
      button.setAttribute("aria-selected", String(isSelected));
      button.tabIndex = isSelected ? 0 : -1;
      pane.querySelector(`#panel-${name}`).hidden = !isSelected;
    }
    if (tab === "calls") void refreshCalls();
  }

  async function refreshCalls() {
    ({ calls, violations } = await loadCalls());
    renderCalls();
  }

  function renderCalls() {
    violationList.replaceChildren(
      ...(violations.length === 0
        ? [element("li", { class: "none" }, "None. The bot speaks the Bot API as it should.")]
        : violations.toReversed().map(violationItem)),
    );
    const shown = calls.filter((call) => showsPolls || call.method !== "getUpdates");
    callList.replaceChildren(...shown.toReversed().map((call) => callItem(call, openCalls)));
    if (shown.length === 0) callList.replaceChildren(element("li", { class: "none" }, "None yet."));
  }

  function render(state) {
    renderSwitches(faultList, state.faults, setFault);
    renderButtons(actionList, state.actions, runAction);
    renderOutside(outsideList, state.outside, { runAction, copy });
    renderEffects(effectList, state.effects);
    badge(pane.querySelector("#tab-world .badge"), state.faults.filter(({ on }) => on).length);
    badge(pane.querySelector("#tab-calls .badge"), state.violations);
    actionList.parentElement.hidden = state.actions.length === 0;
    outsideList.parentElement.hidden = state.outside.length === 0;
    if (tab === "calls" && pane.checkVisibility()) void refreshCalls();
  }

  select("world");
  return { render, refresh: () => tab === "calls" && refreshCalls() };
}

function section(title, hint, ...children) {
  return element(
    "section",
    {},
    element("h2", {}, title),
    hint !== undefined && element("p", { class: "hint" }, hint),
    children,
  );
}

export function badge(shown, count) {
  shown.hidden = count === 0;
  shown.textContent = String(count);
}

function renderSwitches(list, faults, setFault) {
  const names = faults.map(({ name }) => name).join(" ");
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(
      ...faults.map(({ name, title }) =>
        element(
          "button",
          {
            type: "button",
            class: "switch",
            role: "switch",
            "data-name": name,
            onclick: (event) => {
              const button = event.currentTarget;
              void setFault(name, button.getAttribute("aria-checked") !== "true", button);
            },
          },
          element("span", {}, title),
          element("span", { class: "knob", "aria-hidden": "true" }),
        ),
      ),
    );
  }
  for (const { name, on } of faults) {
    list
      .querySelector(`[data-name="${CSS.escape(name)}"]`)
      .setAttribute("aria-checked", String(on));
  }
}

function renderButtons(list, actions, runAction) {
  const names = actions.map(({ name }) => name).join(" ");
  if (list.dataset.names === names) return;
  list.dataset.names = names;
  list.replaceChildren(...actions.map((action) => actionButton(action, runAction)));
}

function actionButton({ name, title }, runAction) {
  return element(
    "button",
    {
      type: "button",
      class: "action",
      onclick: (event) => void runAction(name, event.currentTarget),
    },
    title,
  );
}

/** What a person sees on the pages of others; a new secret stands there for him to copy, as it would. */
function renderOutside(list, pages, { runAction, copy }) {
  const data = JSON.stringify(pages);
  if (list.dataset.pages === data) return;
  list.dataset.pages = data;
  list.replaceChildren(
    ...pages.map(({ name, title, issued, rows, actions }) =>
      element(
        "article",
        { "data-name": name },
        element("h3", {}, title),
        issued !== undefined &&
          element(
            "div",
            { class: "issued" },
            element("span", {}, `Your new ${issued.what}`),
            element("code", {}, issued.secret),
            element(
              "button",
              {
                type: "button",
                class: "plain",
                "aria-label": `Copy the new ${issued.what}`,
                title: "Copy",
                onclick: () => void copy(issued.secret),
              },
              icon("copy"),
            ),
          ),
        rows.map((row) =>
          element(
            "div",
            { class: "row" },
            element("span", {}, row.text),
            row.actions.map((action) => actionButton(action, runAction)),
          ),
        ),
        element(
          "div",
          { class: "actions" },
          actions.map((action) => actionButton(action, runAction)),
        ),
      ),
    ),
  );
}

function renderEffects(list, effects) {
  for (const [name, count] of Object.entries(effects)) {
    const shown = list.querySelector(`[data-name="${CSS.escape(name)}"]`);
    if (shown === null) {
      list.append(
        element(
          "div",
          { class: count === 0 ? "zero" : "" },
          element("dt", {}, words(name)),
          element("dd", { "data-name": name }, String(count)),
        ),
      );
    } else if (shown.textContent !== String(count)) {
      shown.textContent = String(count);
      shown.parentElement.className = "grown";
      setTimeout(() => (shown.parentElement.className = count === 0 ? "zero" : ""), 900);
    }
  }
}

function violationItem(violation) {
  return element(
    "li",
    {},
    element(
      "strong",
      {},
      `${violation.subject}${violation.path === "" ? "" : ` · ${violation.path}`}`,
    ),
    element("span", {}, violation.message),
    element("time", { datetime: violation.at }, clockWithSeconds(new Date(violation.at))),
  );
}

function callItem(call, openCalls) {
  const isFailed = call.status !== 200;
  const details = element(
    "details",
    { open: openCalls.has(call.id) },
    element(
      "summary",
      {},
      element("time", { datetime: call.at }, clockWithSeconds(new Date(call.at))),
      element("strong", {}, call.method),
      element(
        "span",
        { class: isFailed ? "status failed" : "status" },
        call.status === 0 ? "no answer" : String(call.status),
      ),
      element("span", { class: "duration" }, `${call.durationMs} ms`),
    ),
    call.fault !== undefined && element("p", { class: "fault" }, `Fault: ${call.fault}`),
    call.description !== undefined && element("p", { class: "failed" }, call.description),
    element("pre", { tabindex: 0 }, JSON.stringify(call.params, undefined, 2)),
  );
  details.addEventListener("toggle", () => {
    if (details.open) openCalls.add(call.id);
    else openCalls.delete(call.id);
  });
  return element("li", {}, details);
}
