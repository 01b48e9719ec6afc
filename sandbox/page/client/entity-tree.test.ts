import { expect, test } from "vitest";

type Entity = { readonly type: string; readonly offset: number; readonly length: number };
type Node = string | { readonly entity: Entity; readonly children: readonly Node[] };
type Tree = { readonly entityTree: (text: string, entities: readonly Entity[]) => readonly Node[] };

// The browser's scripts are JavaScript; the type stands here, where they are tested.
const path = "./entity-tree.js";
const { entityTree } = (await import(path)) as Tree;

/** The tree as text: `bold[…]`. */
const draw = (nodes: readonly Node[]): string =>
  nodes
    .map((node) =>
      typeof node === "string" ? node : `${node.entity.type}[${draw(node.children)}]`,
    )
    .join("");

const entity = (type: string, offset: number, length: number): Entity => ({ type, offset, length });

const rows: readonly (readonly [string, string, readonly Entity[], string])[] = [
  ["a plain text", "plain", [], "plain"],
  [
    "entities side by side",
    "ab cd",
    [entity("bold", 0, 2), entity("code", 3, 2)],
    "bold[ab] code[cd]",
  ],
  [
    "one inside another",
    "abcd",
    [entity("italic", 1, 2), entity("bold", 0, 4)],
    "bold[aitalic[bc]d]",
  ],
  [
    "two of the same place",
    "ab",
    [entity("bold", 0, 2), entity("italic", 0, 2)],
    "bold[italic[ab]]",
  ],
  [
    "crossing ones, of which the later is cut",
    "abcdef",
    [entity("bold", 0, 4), entity("italic", 2, 4)],
    "bold[abitalic[cd]]italic[ef]",
  ],
  [
    "three that cross",
    "abcdef",
    [entity("bold", 0, 3), entity("italic", 1, 3), entity("code", 2, 4)],
    "bold[aitalic[bcode[c]]]code[italic[d]ef]",
  ],
  ["an astral symbol", "🚀 go", [entity("bold", 3, 2)], "🚀 bold[go]"],
  ["one that ends behind the text", "ab", [entity("bold", 1, 9)], "abold[b]"],
];

test.each(rows)("%s", (_name, text, entities, drawn) => {
  expect(draw(entityTree(text, entities))).toBe(drawn);
});
