import { element } from "./element.js";

const SHOWN_MS = 4_500;

/** A short word at the bottom of the chat, gone by itself. */
export function toast(text, kind = "note") {
  const shown = element("p", { class: `toast ${kind}` }, text);
  document.querySelector("#toasts").append(shown);
  setTimeout(() => shown.classList.add("going"), SHOWN_MS);
  setTimeout(() => shown.remove(), SHOWN_MS + 300);
}

/** A word that wants to be read: it stays until it is confirmed. */
export function alertDialog(text, from) {
  const dialog = document.querySelector("#alert");
  const close = element("button", { type: "button", autofocus: true }, "OK");
  close.addEventListener("click", () => dialog.close());
  dialog.setAttribute("aria-label", `Message from ${from}`);
  dialog.replaceChildren(element("h2", {}, from), element("p", {}, text), close);
  if (!dialog.open) dialog.showModal();
}
