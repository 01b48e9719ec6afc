import { readRoute } from "../route.ts";

type Row = {
  readonly operation: string;
  readonly model: string;
  readonly runs: number;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cached_input_tokens: number;
};

const usdPerMillion = { input: 0.2, output: 0.5, cachedInput: 0.05 };

/** This user's use of the model on this UTC day. */
export const dailyCosts = readRoute("/health/costs/daily", async ({ database }, { user }) => {
  const rows = await database.query<Row>(
    `select operation, model, count(*)::int as runs, sum(input_tokens)::int as input_tokens,
       sum(output_tokens)::int as output_tokens, sum(cached_input_tokens)::int as cached_input_tokens
     from prompt_runs
     where user_id = $1 and created_at >= date_trunc('day', now() at time zone 'UTC') at time zone 'UTC'
     group by operation, model order by operation, model`,
    [user],
  );
  const sum = (name: "input_tokens" | "output_tokens" | "cached_input_tokens"): number =>
    rows.reduce((total, row) => total + row[name], 0);
  const totals = {
    input_tokens: sum("input_tokens"),
    output_tokens: sum("output_tokens"),
    cached_input_tokens: sum("cached_input_tokens"),
  };
  const [day] = await database.query<{ day: string }>(
    `select to_char(now() at time zone 'UTC', 'YYYY-MM-DD') as day`,
  );
  return {
    day_utc: day!.day,
    totals: { ...totals, estimated_usd: priceOf(totals) },
    breakdown: rows.map((row) => ({ ...row, estimated_usd: priceOf(row) })),
  };
});

function priceOf(
  tokens: Pick<Row, "input_tokens" | "output_tokens" | "cached_input_tokens">,
): number {
  const usd =
    (tokens.input_tokens - tokens.cached_input_tokens) * usdPerMillion.input +
    tokens.cached_input_tokens * usdPerMillion.cachedInput +
    tokens.output_tokens * usdPerMillion.output;
  return Number((usd / 1_000_000).toPrecision(6));
}
