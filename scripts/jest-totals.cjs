'use strict';

/** Ends a run with one plain line, `tests: N passed, N failed`, that scripts and CI can read. */
module.exports = class Totals {
  onRunComplete(_contexts, results) {
    const skipped = results.numPendingTests + results.numTodoTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const tail = skipped > 0 ? `, ${skipped} skipped` : '';
    process.stdout.write(`tests: ${results.numPassedTests} passed, ${failed} failed${tail}\n`);
  }
};
