import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics } from '@aws-lambda-powertools/metrics';
import { jest } from '@jest/globals';
import { reportMetrics } from '../../functions/lambda/workMetrics.ts';
import type { Worked } from '../../lib/maintenance/worker.ts';

/** The names and values of the metrics that a message makes. */
function metricsOf(worked: Partial<Worked>): Record<string, number> {
  const made: Record<string, number> = {};
  const log = jest.spyOn(Logger.prototype, 'info').mockImplementation(() => undefined);
  const publish = jest.spyOn(Metrics.prototype, 'publishStoredMetrics').mockReturnThis();
  const add = jest.spyOn(Metrics.prototype, 'addMetric').mockImplementation(function (
    this: Metrics,
    name,
    _,
    value,
  ) {
    made[name] = value;
    return this;
  });
  reportMetrics({ unit: 'id/head/0', name: 'orders', outcome: 'done', tookMs: 7, counts: {}, ...worked });
  for (const mock of [log, publish, add]) mock.mockRestore();
  return made;
}

test('work makes metrics of what was done, and of how far it lags behind', () => {
  const gauges = { unmergedBytes: 5, oldestUnmergedAgeMs: 0 };
  expect(metricsOf({ counts: { heads: 1, merges: 2 }, gauges })).toEqual({
    ...{ Runs: 1, RunTime: 7, Merges: 2 },
    ...{ UnmergedBytes: 5, OldestUnmergedAge: 0 },
  });
  expect(metricsOf({ gauges: { floorLagMs: 9 } })).toEqual({ Runs: 1, RunTime: 7, FloorLag: 9 });
});

test('what was done for the regions is told, none out of sync as well', () => {
  const counts = { regionsJoined: 1, regionsOut: 0, objectsCopied: 3, bytesCopied: 4_000 };
  expect(metricsOf({ unit: 'replication', name: '', counts })).toEqual({
    ...{ Runs: 1, RunTime: 7 },
    ...{ RegionsJoined: 1, RegionsOut: 0, ObjectsCopied: 3, BytesCopied: 4_000 },
  });
});

test('what another is at work on is no run', () => {
  expect(metricsOf({ outcome: 'held', tookMs: 1 })).toEqual({});
});
