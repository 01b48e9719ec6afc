/** Strings, brackets, separators, and everything between them: numbers, true, false and null. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;

/**
 * The text of a JSON object without one of its members. What stays keeps every byte, because reading and writing it anew
 * would round the numbers that we cannot hold. Undefined when the text is no object.
 */
export function withoutMember(text: string, name: string): string | undefined {
  const parsed = parsedObject(text);
  if (parsed === undefined) return undefined;
  if (!Object.hasOwn(parsed, name)) return text;
  const kept = membersOf(text).filter((member) => member.name !== name);
  return `{${kept.map(({ from, to }) => text.slice(from, to).trim()).join(", ")}}`;
}

function parsedObject(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)
      ? parsed
      : undefined;
  } catch {
    return undefined;
  }
}

type Member = { readonly name: string; readonly from: number; readonly to: number };

/** Where the members of the outermost object stand; the text is known to be one. */
function membersOf(text: string): readonly Member[] {
  const members: Member[] = [];
  let depth = 0;
  let open: { readonly name: string; readonly from: number } | undefined;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (token === "}" || token === "]") depth -= 1;
    const isOver = (depth === 1 && token === ",") || depth === 0;
    if (open !== undefined && isOver) {
      members.push({ ...open, to: index });
      open = undefined;
    } else if (open === undefined && depth === 1 && token.startsWith('"')) {
      open = { name: String(JSON.parse(token)), from: index };
    }
    if (token === "{" || token === "[") depth += 1;
  }
  return members;
}
