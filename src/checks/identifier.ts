/** Names that may stand in SQL between quotes as they are. */
export const identifier = {
  pattern: /^[A-Za-z_][A-Za-z0-9_]{0,62}$/,
  expected: "the plain name of a table or column",
} as const;
