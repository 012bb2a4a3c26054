'use strict';

/** Ends a run with one plain line, `tests: N passed, N failed`, and fails a run in which no test ran. */
module.exports = class Totals {
  #ran = 0;

  onRunComplete(_contexts, results) {
    const passed = results.numPassedTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const tail = skipped > 0 ? `, ${skipped} skipped` : '';
    this.#ran = passed + failed;
    // Jest prints its own summary after every reporter has been told.
    process.once('exit', () => process.stdout.write(`tests: ${passed} passed, ${failed} failed${tail}\n`));
  }

  getLastError() {
    return this.#ran === 0 ? new Error('No test ran.') : undefined;
  }
};
