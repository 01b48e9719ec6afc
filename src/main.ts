#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { setFlagsFromString } from "node:v8";

import { createBell } from "./core/waiting.ts";

// Loading leaves much behind that is of no use a moment later. Left alone, V8 makes room for it and never gives that back.
setFlagsFromString("--semi-space-growth-factor=1");
const { runCommandLine } = await import("./cli.ts");

const stopping = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stopping.abort());
const hangUp = createBell();
process.on("SIGHUP", hangUp.ring);

process.exitCode = await runCommandLine({
  argv: process.argv.slice(2),
  sources: {
    environment: process.env,
    readFile: (path) => readFileSync(path, "utf8"),
  },
  stdin: process.stdin,
  osUser: userInfo().username,
  instance: `${hostname()}-${process.pid}-${randomBytes(3).toString("hex")}`,
  stdout: (text) => void process.stdout.write(text),
  stderr: (text) => void process.stderr.write(text),
  signal: stopping.signal,
  hangUp,
});

// All is closed and said. What a library has left ticking must not keep the process of a bot that was told to stop.
setTimeout(() => process.exit(), 2_000).unref();
