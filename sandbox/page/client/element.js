/** Makes a DOM element. Text is always text: nothing here ever parses HTML. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== undefined && child !== false));
  return made;
}

const SVG = "http://www.w3.org/2000/svg";

const PATHS = {
  back: "M15 5l-7 7 7 7",
  bell: "M6 17h12l-1.5-2V11a4.5 4.5 0 0 0-9 0v4zM10 19.5a2 2 0 0 0 4 0M4 4l16 16",
  pin: "M14 4l6 6-4 1-4 4-1 4-6-6 4-1 4-4zM8 16l-4 4",
  send: "M4 12l16-8-5 16-4-6z M11 14l9-10",
  file: "M7 3h7l4 4v14H7zM14 3v4h4",
  reply: "M10 8L5 13l5 5M5 13h9a5 5 0 0 1 5 5v1",
  save: "M12 4v11m-5-5 5 5 5-5M5 20h14",
  lock: "M7 11V8a5 5 0 0 1 10 0v3M6 11h12v9H6z",
  eye: "M2 12s4-7 10-7 10 7 10 7-4 7-10 7-10-7-10-7zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
  world: "M4 7h10M18 7h2M4 17h2M10 17h10M16 4.5v5M8 14.5v5",
  close: "M6 6l12 12M18 6L6 18",
  down: "M6 9l6 6 6-6",
  link: "M8 16L17 7M10 7h7v7",
  copy: "M9 9h11v11H9zM5 15H4V4h11v1",
};

/** A line icon; it is decoration, so its meaning must also stand in a label. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}
