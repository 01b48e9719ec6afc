import { textSetting } from "../core/setting.ts";

/** An address and a port to listen at. */
export function listenSetting() {
  return textSetting({
    pattern: /^(?:[\w.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/,
    expected: "an address and a port such as 0.0.0.0:8080",
  });
}
