import { element } from "./element.js";

const HUES = ["a", "b", "c", "d", "e", "f"];

/** Spreads neighbouring ids over the colours. */
const hueOf = (id) =>
  HUES[
    Array.from(String(Math.abs(id))).reduce((sum, digit) => sum + Number(digit), 0) % HUES.length
  ];

/** A round picture with an initial; the colour is always the same for the same person. */
export function avatar({ id, name, isBot = false }) {
  const hue = isBot ? "bot" : hueOf(id);
  return element(
    "span",
    { class: `avatar hue-${hue}`, "aria-hidden": "true" },
    isBot ? "✈" : name.slice(0, 1),
  );
}

export function hueClass({ id, isBot }) {
  return isBot ? "name-bot" : `name-${hueOf(id)}`;
}
