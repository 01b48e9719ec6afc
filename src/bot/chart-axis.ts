/** Where an axis that starts at zero should end: a round number, which halves to a round number, with some air above. */
export function axisTop(highest: number, unit: string): number {
  const least = unit === "Ms" ? 10 : 4;
  const wanted = Math.max(least, highest * 1.1);
  const power = 10 ** Math.floor(Math.log10(wanted));
  const step = [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= wanted) ?? 10;
  return step * power;
}

/** A moment on the axis of time, as the team's clock shows it. */
export type Tick = { readonly at: Date; readonly label: string };

const QUARTER_MS = 15 * 60_000;
const HOURS_APART = 6;

/** Every sixth hour of the team's day; looked for by quarters, because some zones are off by half an hour. */
export function dayTicks(from: Date, to: Date, timeZone: string): readonly Tick[] {
  const clock = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const ticks: Tick[] = [];
  const first = Math.ceil(from.getTime() / QUARTER_MS) * QUARTER_MS;
  for (let atMs = first; atMs <= to.getTime(); atMs += QUARTER_MS) {
    const at = new Date(atMs);
    const label = clock.format(at);
    const [hour, minute] = label.split(":").map(Number);
    if (minute === 0 && (hour ?? 1) % HOURS_APART === 0) ticks.push({ at, label });
  }
  return ticks;
}
