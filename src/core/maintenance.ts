import type { Calendar } from "./schedule.ts";

/** A time that comes again, in which some checks are expected to fail and nobody is to be called. */
export type MaintenanceWindow = {
  readonly name: string;
  /** When it begins. */
  readonly calendar: Pick<Calendar, "upTo">;
  readonly lastsMs: number;
  /** The checks that it keeps quiet. */
  readonly checks: "all" | readonly string[];
};

/** A window that is open at some moment. */
export type OpenWindow = Pick<MaintenanceWindow, "name" | "checks"> & { readonly until: Date };

/** The windows that are open at a moment, the one that lasts longest first. Its last moment is no part of a window. */
export function openWindows(
  windows: readonly MaintenanceWindow[],
  now: Date,
): readonly OpenWindow[] {
  return windows
    .flatMap(({ name, calendar, lastsMs, checks }) => {
      const [began] = calendar.upTo(now, 1);
      if (began === undefined) return [];
      const until = new Date(began.getTime() + lastsMs);
      return now.getTime() < until.getTime() ? [{ name, checks, until }] : [];
    })
    .toSorted((one, other) => other.until.getTime() - one.until.getTime());
}

/** The window that keeps a check quiet now, and of several the one that does so for longest. */
export function quietWindow(
  windows: readonly MaintenanceWindow[],
  check: string,
  now: Date,
): OpenWindow | undefined {
  return openWindows(windows, now).find((window) => keepsQuiet(window, check));
}

function keepsQuiet({ checks }: Pick<OpenWindow, "checks">, check: string): boolean {
  return checks === "all" || checks.includes(check);
}
