import type { Card } from "./card.ts";

/** Curves over one stretch of time, as data: whoever draws it decides on ink and room. */
export type Chart = {
  readonly title: string;
  readonly from: Date;
  readonly to: Date;
  readonly timeZone: string;
  readonly panels: readonly ChartPanel[];
};

/** Curves that share a unit, and so an axis. */
export type ChartPanel = {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly ChartCurve[];
  /** When a check behind these curves failed, or could not look. */
  readonly troubles: readonly ChartTrouble[];
};

export type ChartCurve = {
  readonly name: string;
  /** Oldest first, never empty. */
  readonly points: readonly ChartPoint[];
  /** Two points that lie further apart say nothing about the time between them. */
  readonly gapMs: number;
  readonly limit: number | undefined;
};

export type ChartPoint = { readonly at: Date; readonly value: number };

export type ChartTrouble = {
  readonly kind: "fail" | "unknown";
  readonly from: Date;
  readonly to: Date;
};

/** What a subject looks like at this moment: a card, and for some a picture or a file that the card explains. */
export type Drawing = {
  readonly card: Card;
  readonly chart?: Chart | undefined;
  readonly file?: DrawnFile | undefined;
};

type DrawnFile = { readonly name: string; readonly bytes: Uint8Array };
