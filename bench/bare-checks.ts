/** What a user would write without Flightdeck: addresses that are fetched again and again, and a word when one is not good. */
const place = process.env["PLACE"] ?? "";
const count = Number(process.env["CHECKS"]);
const everyMs = Number(process.env["EVERY_SECONDS"]) * 1_000;

async function look(index: number): Promise<void> {
  const answer = await fetch(`${place}${index}`);
  await answer.text();
  if (!answer.ok) console.log(`${index} answered ${answer.status}`);
}

const timers = Array.from({ length: count }, (_none, index) =>
  // Spread over the interval, so that they are not all asked at once.
  setTimeout(
    () => {
      void look(index);
      timers[index] = setInterval(() => void look(index), everyMs);
    },
    (everyMs * index) / count,
  ),
);
