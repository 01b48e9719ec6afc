import { randomBytes } from "node:crypto";

/** Row ids look like `inb_2b21ab73ddb5`. */
export function newId(
  prefix: "inb" | "tsk" | "prj" | "sub" | "mem" | "prm" | "evt" | "map",
): string {
  return `${prefix}_${randomBytes(6).toString("hex")}`;
}
