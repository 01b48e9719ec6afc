import { defineConfig } from "vitest/config";

const reporters = ["default", "./test/reporter.ts"];

/**
 * On a machine that many share, a test that waits for real processes may wait in vain. CI gives it a second try, and the
 * reporter names everything that needed one; at home there is none, because there the test is to be mended.
 */
const retry = process.env["CI"] ? 1 : 0;

export default defineConfig({
  test: {
    reporters,
    projects: [
      {
        test: {
          name: "unit",
          setupFiles: ["test/seed.ts"],
          sequence: { groupOrder: 0 },
          include: [
            "{src,sandbox,bench}/**/*.test.ts",
            "test/*.test.ts",
            "test/{fuzz,nemesis,support}/*.test.ts",
          ],
          exclude: ["test/nemesis/nemesis.test.ts"],
          pool: "threads",
          isolate: false,
        },
      },
      {
        test: {
          name: "integration",
          setupFiles: ["test/seed.ts", "test/support/canary-setup.ts"],
          sequence: { groupOrder: 1 },
          include: [
            "test/{integration,faults,fuzz/stores}/**/*.test.ts",
            "test/nemesis/nemesis.test.ts",
          ],
          pool: "forks",
          // Most of a test is waiting for somebody else, so there may be more of them than cores.
          maxWorkers: 3,
          globalSetup: ["test/services.ts"],
          retry,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: "e2e",
          sequence: { groupOrder: 2 },
          include: ["test/e2e/**/*.test.ts"],
          pool: "forks",
          maxWorkers: 1,
          retry,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
