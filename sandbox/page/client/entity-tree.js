/**
 * A text with entities as a tree: strings, and nodes `{ entity, children }`. Offsets count UTF-16 code units, as the
 * strings of JavaScript do. Where two entities cross, the later one is cut in two, so that the tree stays a tree.
 */
export function entityTree(text, entities) {
  const sorted = entities.toSorted((a, b) => a.offset - b.offset || b.length - a.length);
  return branch(text, 0, text.length, sorted);
}

function branch(text, start, end, entities) {
  const nodes = [];
  const waiting = [...entities];
  let at = start;
  while (waiting.length > 0) {
    const entity = waiting.shift();
    const from = Math.max(entity.offset, at);
    const to = Math.min(entity.offset + entity.length, end);
    if (from >= to) continue;
    const [inside, after] = split(waiting.splice(0), to);
    if (from > at) nodes.push(text.slice(at, from));
    nodes.push({ entity, children: branch(text, from, to, inside) });
    waiting.push(...after);
    at = to;
  }
  if (at < end) nodes.push(text.slice(at, end));
  return nodes;
}

/** Those that begin before the cut, and what is left of all of them behind it. */
function split(entities, cut) {
  const inside = entities.filter((entity) => entity.offset < cut);
  const rests = inside
    .filter((entity) => entity.offset + entity.length > cut)
    .map((entity) => ({ ...entity, offset: cut, length: entity.offset + entity.length - cut }));
  const after = [...rests, ...entities.filter((entity) => entity.offset >= cut)];
  return [inside, after.toSorted((a, b) => a.offset - b.offset || b.length - a.length)];
}
