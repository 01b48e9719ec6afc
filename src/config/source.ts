import type { Document, Node, Pair } from "yaml";
import { LineCounter, isAlias, isMap, isPair, isScalar, isSeq, parseDocument, visit } from "yaml";

import type { Path, Problem } from "./problem.ts";

type Position = { readonly line: number; readonly column: number };

export type Source = {
  /** The file as plain values, its references unresolved. */
  readonly tree: unknown;
  /** The place of a path, or of its nearest ancestor when the file does not hold it. */
  locate(path: Path): Position;
};

export type Read =
  | { readonly ok: true; readonly source: Source }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** Reads YAML 1.2 with merge keys, and keeps the way back from every value to its line. */
export function readYaml(text: string): Read {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    logLevel: "error",
  });
  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  const problems = [
    ...document.errors.map((error) => problemAt(at(error.pos[0]), error.code, error.message)),
    ...document.warnings.map((warning) =>
      problemAt(at(warning.pos[0]), warning.code, warning.message),
    ),
    ...brokenAliases(document).map(({ alias, message }) =>
      problemAt(at(alias.range?.[0] ?? 0), "BAD_ALIAS", message),
    ),
  ];
  if (problems.length > 0) return { ok: false, problems };
  try {
    const tree: unknown = document.toJS({ maxAliasCount: 100 });
    return { ok: true, source: { tree, locate: (path) => at(offsetOf(document, path)) } };
  } catch (error) {
    if (!(error instanceof ReferenceError)) throw error;
    const message = "the aliases of this file multiply without a bound";
    return { ok: false, problems: [problemAt(at(0), "BAD_ALIAS", message)] };
  }
}

const PLAINER: Readonly<Record<string, string>> = {
  DUPLICATE_KEY: "this key stands here a second time; a key may stand once",
  MULTIPLE_DOCS: "the file holds several documents; expected one, without --- in between",
  TAB_AS_INDENT: "a tab cannot indent; expected spaces",
};

function problemAt(position: Position, code: string, message: string): Problem {
  // The parser's own words may end in a quotation from the file, which could be a secret.
  const words = PLAINER[code] ?? message.replace(/:? ["'`][^]*$/, "");
  return { ...position, path: "", message: words };
}

function brokenAliases(document: Document): { readonly alias: Node; readonly message: string }[] {
  const broken: { alias: Node; message: string }[] = [];
  visit(document, {
    Alias(_key, alias, ancestors) {
      const anchor = alias.resolve(document);
      if (anchor === undefined) {
        broken.push({ alias, message: "this alias has no anchor before it" });
      } else if (ancestors.includes(anchor)) {
        broken.push({ alias, message: "this alias stands inside its own anchor" });
      }
    },
  });
  return broken;
}

function offsetOf(document: Document.Parsed, path: Path): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const part of path) {
    const holder = isAlias(node) ? node.resolve(document) : node;
    const item = isSeq(holder) ? holder.items[Number(part)] : pairOf(document, holder, part);
    if (item === undefined) return offset;
    // A list or a mapping starts below its key, so the key is the better place to point at.
    const key = isPair(item) ? item.key : item;
    node = isPair(item) ? item.value : item;
    offset = startOf(isScalar(node) ? node : key) ?? offset;
  }
  return offset;
}

function pairOf(document: Document, holder: unknown, key: string | number): Pair | undefined {
  if (!isMap(holder)) return undefined;
  const own = holder.items.find((pair) => nameOf(pair) === String(key));
  if (own !== undefined) return own;
  for (const pair of holder.items.filter((item) => nameOf(item) === "<<")) {
    const merged = isAlias(pair.value) ? pair.value.resolve(document) : pair.value;
    const found = pairOf(document, merged, key);
    if (found !== undefined) return found;
  }
  return undefined;
}

function nameOf(pair: Pair): string | undefined {
  if (!isScalar(pair.key)) return undefined;
  // The merge key is a symbol inside, spelt `<<` in the file.
  return typeof pair.key.value === "symbol" ? "<<" : String(pair.key.value);
}

function startOf(node: unknown): number | undefined {
  return (node as Node | null)?.range?.[0];
}
