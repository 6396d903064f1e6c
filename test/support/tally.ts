import type { AggregatedResult, Reporter } from '@jest/reporters';

/** Ends the output with the line by which CI counts the tests. */
export default class Tally implements Pick<Reporter, 'onRunComplete' | 'getLastError'> {
  onRunComplete(_contexts: unknown, results: AggregatedResult): void {
    const skipped = results.numPendingTests + results.numTodoTests;
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const line = `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
    process.once('exit', () => process.stdout.write(`\n${line}\n`));
  }

  getLastError(): undefined {}
}
