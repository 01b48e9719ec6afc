import { expect, test } from "vitest";

import { errorClass } from "./error-class.ts";

test.each([
  ["TypeError: can't compare offset-naive and offset-aware datetimes", "TypeError"],
  [
    '(sqlalchemy.dialects.postgresql.asyncpg.IntegrityError) <class> [SQL: insert "my diary"]',
    "IntegrityError",
  ],
  [
    "sqlalchemy.exc.IntegrityError: (psycopg) duplicate key [parameters: {'text': 'my diary'}]",
    "IntegrityError",
  ],
  [
    "Client error '401 Unauthorized' for url 'https://u:p@api.todoist.com/api'",
    "Client error '401 Unauthorized'",
  ],
  ["Timeout reading from redis:6379", "Timeout"],
  ["could not reach https://user:word@host/path?token=1", "could not reach"],
  ["said no\nand then my diary", "said no"],
  ["x".repeat(100), `${"x".repeat(59)}…`],
])("of %j is %j", (text, shown) => {
  expect(errorClass(text, (each) => each)).toBe(shown);
});

test("never holds what the scrubber knows", () => {
  expect(errorClass("refused hunter2", (text) => text.replace("hunter2", "***"))).toBe(
    "refused ***",
  );
});
