import { expect, test } from "vitest";

import { readMultipart } from "./multipart.ts";

const TYPE = "multipart/form-data; boundary=cut";
const bodyOf = (...lines: readonly string[]): Buffer => Buffer.from(lines.join("\r\n"));

test("a form holds texts and files, with names that are quoted or not", () => {
  const body = bodyOf(
    "--cut",
    'Content-Disposition: form-data; name="chat_id"',
    "",
    "7",
    "--cut",
    'content-disposition:form-data;name="a1";filename=Prüfung "1".log',
    "content-type:text/plain",
    "",
    "two",
    "lines",
    "--cut",
    'Content-Disposition: form-data; name="b"; filename="say \\"hi\\".txt"',
    "",
    "",
    "--cut--",
  );
  const parts = readMultipart(body, TYPE);
  expect(parts?.map((part) => ({ ...part, bytes: part.bytes.toString() }))).toEqual([
    { name: "chat_id", fileName: undefined, type: "application/octet-stream", bytes: "7" },
    { name: "a1", fileName: 'Prüfung "1".log', type: "text/plain", bytes: "two\r\nlines" },
    { name: "b", fileName: 'say "hi".txt', type: "application/octet-stream", bytes: "" },
  ]);
});

test.each([
  ["is cut off", bodyOf("--cut", 'Content-Disposition: form-data; name="a"', "", "tex"), TYPE],
  ["has a part without a name", bodyOf("--cut", "Content-Type: a/b", "", "x", "--cut--"), TYPE],
  ["has no boundary", bodyOf("--cut--"), "multipart/form-data"],
])("a form that %s is none", (_how, body, type) => {
  expect(readMultipart(body, type)).toBeUndefined();
});
