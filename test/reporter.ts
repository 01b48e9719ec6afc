import type { Reporter, TestModule } from "vitest/node";

/**
 * Closes a run with one plain line that any machine can read: `N passed, N failed, N skipped`. In front of it stand the
 * tests that passed only when they were tried again, by name, so that none of them hides.
 */
export default class PlainLineReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    let passed = 0;
    let skipped = 0;
    const wavering: string[] = [];
    // Nothing run at all, as when the set-up of a project fails, is a failure too.
    let failed = unhandledErrors.length + (modules.length === 0 ? 1 : 0);
    for (const module of modules) {
      // A file that cannot be loaded holds no tests; it must not count as green.
      failed += module.errors().length;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (test.diagnostic()?.flaky)
          wavering.push(`${module.relativeModuleId} > ${test.fullName}`);
        if (state === "passed") passed += 1;
        else if (state === "failed") failed += 1;
        else skipped += 1;
      }
    }
    const skippedPart = skipped > 0 ? `, ${skipped} skipped` : "";
    process.on("exit", () => {
      for (const name of wavering) process.stdout.write(`\nPassed only at the second try: ${name}`);
      process.stdout.write(`\n${passed} passed, ${failed} failed${skippedPart}\n`);
    });
  }
}
