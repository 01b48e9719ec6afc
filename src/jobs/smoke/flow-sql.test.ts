import { describe, expect, test } from "vitest";

import { sqlProblem } from "./flow-sql.ts";

describe("a statement that only looks", () => {
  test.each([
    ["select 1", 0],
    ["  SELECT id, status FROM tasks WHERE id = $1", 1],
    ["select count(*) from tasks -- how many; drop nothing", 0],
    ["select /* insert /* nested */ still a comment */ 1", 0],
    ["select 'insert into x; delete' as words", 0],
    ["select 'it''s; update' as words", 0],
    ["select $$ delete; $$ as words, $tag$ drop $$ $tag$ as more", 0],
    ['select "update", "set" from "into"', 0],
    ["with done as (select 1 as a) select a from done", 0],
    [
      "with recursive n as (select 1 as a union all select a + 1 from n where a < 3) select a from n",
      0,
    ],
    [
      "select payload_json ->> 'error' as error from event_log where request_id = $1 and type in ($2, 'x')",
      2,
    ],
    [
      "select coalesce(max(lower(title)), 'none') from tasks where created_at > now() - interval '1 hour'",
      0,
    ],
    ["select count(*) filter (where a) over (partition by b order by c) from t", 0],
    ["select a::varchar(10), cast(b as numeric(3, 1)), extract(epoch from c) from t", 0],
    [
      "select substring(a from 1 for 2) from t where exists (select 1 from u) and a = any (array['x'])",
      0,
    ],
    ["select $1 = $2 or a = $1 from t", 2],
    ["select updated_at, settings from tasks limit (2)", 0],
    ["select 1.5, 2., .5, 1e-3, 1_000, 1.5e+10, straße, naïve$1 from t where a = 2 and b", 0],
  ])("%s", (sql, valueCount) => {
    expect(sqlProblem(sql, valueCount)).toBeUndefined();
  });
});

describe("a statement that could do more", () => {
  test.each<[string, RegExp]>([
    ["", /begins with select/],
    ["-- select 1", /begins with select/],
    ["update tasks set status = 'done'", /begins with select/],
    ["table tasks", /begins with select/],
    ["(select 1)", /begins with select/],
    ["explain analyze select 1", /begins with select/],
    ["call something()", /begins with select/],
    ["values (1)", /begins with select/],
    ["select 1; delete from tasks", /single statement/],
    ["select 1;", /single statement/],
    ["select 1 /* ; */ ; -- x", /single statement/],
    ["select * into copy_of_tasks from tasks", /into does not only look/],
    ["with gone as (delete from tasks returning id) select id from gone", /delete does not/],
    ["with a as (insert into t values (1) returning 1) select * from a", /insert does not/],
    ["with a as (UPDATE t set x = 1 returning 1) select * from a", /update does not/],
    [
      "with a as (merge into t using u on true when matched then do nothing) select 1",
      /merge does not/,
    ],
    ["with a as (/**/dElEtE/**/from t returning 1) select 1", /delete does not/],
    ["select * from tasks for update", /update does not/],
    ["select * from tasks for no key update", /for no locks rows/],
    ["select * from tasks for share", /for share locks rows/],
    ["select * from tasks for key share", /for key locks rows/],
    ["select nextval('tasks_id_seq')", /not known to only look/],
    ["select setval('tasks_id_seq', 1)", /not known/],
    ["select pg_sleep(100)", /not known/],
    ["select pg_sleep /* a word between */ (100)", /not known/],
    ['select "pg_sleep"(100)', /not known/],
    ["select pg_catalog.pg_sleep(100)", /not known/],
    ["select mine.count(1)", /not known/],
    ['select "count"(1)', /not known/],
    ["select set_config('role', 'postgres', false)", /not known/],
    ["select lo_import('/etc/passwd')", /not known/],
    ["select lo_unlink(1)", /not known/],
    ["select pg_advisory_lock(1)", /not known/],
    ["select pg_terminate_backend(1)", /not known/],
    ["select pg_read_file('/etc/passwd')", /not known/],
    ["select pg_notify('x', 'y')", /not known/],
    ["select dblink('x', 'delete from tasks')", /not known/],
    ["select query_to_xml('delete from tasks', true, true, '')", /not known/],
    ["select * from generate_series(1, 1000000000)", /not known/],
    ["select * from tasks, delete_everything()", /not known/],
    [String.raw`select E'a' '\' x ' pg_sleep(1) '`, /text with escapes/],
    [String.raw`select U&"pg\005Fsleep"(1)`, /text with escapes/],
    ["select 'no end", /without an end/],
    ['select "no end', /without an end/],
    ["select $a$ no end $b$", /without an end/],
    ["select 1 /* no end", /comment without an end/],
    ["select 1 /* /* */ delete", /comment without an end/],
  ])("%s", (sql, problem) => {
    expect(sqlProblem(sql, 0)).toMatch(problem);
  });

  test("hides nothing behind what only looks like a text", () => {
    expect(sqlProblem("select 'a' || $1 || ' ; ' , pg_sleep(1)", 1)).toMatch(/not known/);
    expect(sqlProblem("select a$b$c, pg_sleep(1), d$b$", 0)).toMatch(/not known/);
    // A snowman and a space without a break are letters of a name to PostgreSQL, and so is the dollar behind them.
    expect(sqlProblem("select 1 as ☃$$, pg_sleep(1) as ☃$$", 0)).toMatch(/not known/);
    expect(sqlProblem("select 1 as \u00a0$$, pg_sleep(1) as \u00a0$$", 0)).toMatch(/not known/);
    expect(sqlProblem("select 1 as 🙂$a$, pg_sleep(1) as 🙂$a$", 0)).toMatch(/not known/);
    expect(sqlProblem("select 1x$$, pg_sleep(1) as y$$", 0)).toMatch(/runs into a name/);
    expect(sqlProblem("select $1x$$, pg_sleep(1) as y$$", 1)).toMatch(/runs into a name/);
    expect(sqlProblem(String.raw`select 1e'\', pg_sleep(1), '`, 0)).toMatch(/runs into a name/);
    expect(sqlProblem("select ☃(1)", 0)).toMatch(/not known/);
  });
});

describe("values", () => {
  test.each<[string, number, RegExp]>([
    ["select $1", 0, /although there are no values/],
    ["select 1", 1, /each value once or more as \$1/],
    ["select $2", 1, /as \$1, and no other/],
    ["select $1, $3", 2, /as \$1, \$2/],
    ["select '$1'", 1, /each value/],
  ])("%s with %i is refused", (sql, count, problem) => {
    expect(sqlProblem(sql, count)).toMatch(problem);
  });
});
