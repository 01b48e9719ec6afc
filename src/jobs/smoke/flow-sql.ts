/**
 * Whether a statement only looks, judged by its words before anything is asked. It is the first of three belts: the
 * statement also runs in a read-only transaction, by a role that may only read. What is not known to be harmless is
 * refused, because a list of what does harm is never complete.
 */
export function sqlProblem(sql: string, valueCount: number): string | undefined {
  const read = wordsOf(sql);
  if ("problem" in read) return read.problem;
  const { words } = read;
  const [first] = words;
  if (first?.text !== "select" && first?.text !== "with") {
    return "expected one statement that begins with select, or with … select";
  }
  return (
    words.map((word, index) => wordProblem(words, word, index)).find(Boolean) ??
    placeholderProblem(words, valueCount)
  );
}

type Word = { readonly text: string; readonly isQuoted: boolean };

/** Words that write, lock, or lead out of a single select; a column of such a name stands in quotes. */
const WRITING: ReadonlySet<string> = new Set(
  (
    "insert update delete merge truncate into copy call do execute prepare create alter drop grant revoke lock listen " +
    "notify set reset"
  ).split(" "),
);

/** Functions that give the same for the same rows, or the present time, and do nothing else. */
const HARMLESS: ReadonlySet<string> = new Set(
  (
    "count sum avg min max array_agg string_agg json_agg jsonb_agg bool_and bool_or every coalesce nullif greatest least " +
    "row_number rank dense_rank lag lead first_value last_value lower upper length char_length octet_length trim btrim ltrim " +
    "rtrim substring substr left right position strpos replace concat concat_ws split_part starts_with md5 abs round floor " +
    "ceil ceiling trunc mod power sqrt now clock_timestamp statement_timestamp transaction_timestamp date_trunc date_part " +
    "extract age to_char to_date to_timestamp to_number make_interval make_date justify_interval cast array_length " +
    "cardinality unnest array_position json_array_length jsonb_array_length jsonb_typeof json_typeof jsonb_extract_path " +
    "jsonb_extract_path_text json_extract_path json_extract_path_text jsonb_array_elements jsonb_array_elements_text " +
    "jsonb_object_keys jsonb_build_object json_build_object to_json to_jsonb row_to_json"
  ).split(" "),
);

/** Words of the language, and types, that may stand before a bracket. */
const BEFORE_BRACKETS: ReadonlySet<string> = new Set(
  (
    "select distinct on from join lateral using where and or not in exists any all some between like ilike is as " +
    "materialized union intersect except having by case when then else filter over within group values row array " +
    "limit offset with recursive returning sets rollup cube varchar char character numeric decimal timestamp timestamptz " +
    "time timetz interval bit float varying partition order"
  ).split(" "),
);

function wordProblem(words: readonly Word[], word: Word, index: number): string | undefined {
  const { text, isQuoted } = word;
  if (text === ";") return "expected a single statement, without ;";
  if (!isQuoted && WRITING.has(text)) {
    return `${text} does not only look; the name of a column stands in quotes`;
  }
  const next = words[index + 1];
  if (!isQuoted && text === "for" && ["share", "key", "no"].includes(next?.text ?? "")) {
    return `for ${next?.text} locks rows; expected a statement that only looks`;
  }
  if (next?.text !== "(" || !/^[A-Za-z_\u0080-\uffff]/.test(text)) return undefined;
  const isQualified = words[index - 1]?.text === ".";
  if (!isQuoted && !isQualified && (HARMLESS.has(text) || BEFORE_BRACKETS.has(text))) {
    return undefined;
  }
  return "calls a function that is not known to only look; use another, such as count, coalesce or lower";
}

function placeholderProblem(words: readonly Word[], valueCount: number): string | undefined {
  const used = new Set(words.map(({ text }) => /^\$(\d+)$/.exec(text)?.[1]).filter(Boolean));
  const expected = Array.from({ length: valueCount }, (_, index) => String(index + 1));
  const isEven = used.size === valueCount && expected.every((number) => used.has(number));
  if (isEven) return undefined;
  return valueCount === 0
    ? "holds a $1 although there are no values"
    : `expected each value once or more as ${expected.map((number) => `$${number}`).join(", ")}, and no other`;
}

const COMMENT_LINE = /--[^\n\r]*/y;
const PLAIN_TEXT = /'(?:[^']|'')*'/y;
const PREFIXED_TEXT = /[bBxXnN]'(?:[^']|'')*'/y;
/** `E'…'` and `U&'…'` end elsewhere than a text does, and whoever misreads where could be shown code as a text. */
const ESCAPES = /(?:[eE]|[uU]&)['"]/y;
/** To PostgreSQL whatever is not ASCII is a letter, spaces and signs too; otherwise a name could hide where a text begins. */
const DOLLAR_QUOTE = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
const QUOTED_NAME = /"((?:[^"]|"")*)"/y;
const PLAIN_NAME = /[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y;
const PLACEHOLDER = /\$\d+/y;
const NUMBER = /\d+(?:_\d+)*(?:\.\d*)?(?:[eE][+-]?\d+)?/y;
/** Older servers read a number that runs into a name as two words, newer ones not at all. */
const LETTER = /[\w$\u0080-\uffff]/y;

/** The statement without texts and comments, which may hold anything. */
function wordsOf(sql: string): { readonly words: readonly Word[] } | { readonly problem: string } {
  const words: Word[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(sql);
    if (match) at = pattern.lastIndex;
    return match;
  };
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      const end = endOfComment(sql, at);
      if (end === undefined) return { problem: "holds a comment without an end" };
      at = end;
      continue;
    }
    if (take(ESCAPES)) return { problem: "holds a text with escapes; expected a plain one" };
    if (take(COMMENT_LINE)) continue;
    if (take(PLAIN_TEXT) || take(PREFIXED_TEXT)) {
      words.push({ text: "''", isQuoted: true });
      continue;
    }
    const quote = take(DOLLAR_QUOTE)?.[0];
    if (quote !== undefined) {
      const end = sql.indexOf(quote, at);
      if (end < 0) return { problem: "holds a text without an end" };
      at = end + quote.length;
      words.push({ text: "''", isQuoted: true });
      continue;
    }
    const quoted = take(QUOTED_NAME)?.[1];
    if (quoted !== undefined) {
      words.push({ text: quoted, isQuoted: true });
      continue;
    }
    if (sql[at] === "'" || sql[at] === '"') return { problem: "holds a text without an end" };
    const number = take(PLACEHOLDER)?.[0] ?? take(NUMBER)?.[0];
    if (number !== undefined && take(LETTER))
      return { problem: "holds a number that runs into a name" };
    const word = number ?? take(PLAIN_NAME)?.[0];
    if (word !== undefined) {
      words.push({ text: word.toLowerCase(), isQuoted: false });
      continue;
    }
    const character = sql[at]!;
    if (!/\s/.test(character)) words.push({ text: character, isQuoted: false });
    at += 1;
  }
  return { words };
}

/** PostgreSQL's comments nest. */
function endOfComment(sql: string, start: number): number | undefined {
  let depth = 0;
  for (let at = start; at < sql.length;) {
    if (sql.startsWith("/*", at)) {
      depth += 1;
      at += 2;
    } else if (sql.startsWith("*/", at)) {
      depth -= 1;
      at += 2;
      if (depth === 0) return at;
    } else {
      at += 1;
    }
  }
  return undefined;
}
