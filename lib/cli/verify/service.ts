import { describe } from '../../verify/describe.ts';
import { MAX_VIOLATIONS, type Operation, type PropertyReport } from '../../verify/history.ts';
import { isRefusal, MALFORMED } from './client.ts';
import type { FinalRead } from './final.ts';
import { isOutOfOrder } from './load.ts';
import type { Recorder } from './recorder.ts';

/** Of so many requests of a kind, one has to succeed in any weather. */
const MIN_REQUESTS = 10;

/** What the history of a log that refuses everything would leave open: whether it serves its clients. */
export function serviceReports(
  operations: readonly Operation[],
  kinds: Recorder['kinds'],
  probeFailures: readonly string[],
  reads: readonly FinalRead[],
): PropertyReport[] {
  const answered = operations.filter(({ outcome }) => {
    return outcome.is === 'ok' || outcome.error === MALFORMED || isRefusal(outcome.error);
  });
  const never = [...kinds].filter(([, { ok, all }]) => ok === 0 && all >= MIN_REQUESTS);
  const tried = reads.filter(({ final, problem }) => final !== undefined || problem !== undefined);
  return [
    report('nobody is refused wrongly', answered.length, answered.flatMap(wrongRefusal)),
    report('answers are well-formed', answered.length, answered.flatMap(malformed)),
    report('every kind of client makes progress, at the end too', kinds.size, [
      ...never.map(([kind, { all }]) => `${kind}: none of ${all} requests succeeded`),
      ...probeFailures,
    ]),
    report(
      'everything can be read at the end',
      tried.length,
      tried.flatMap(({ problem }) => problem ?? []),
    ),
  ];
}

function report(property: string, checked: number, violations: readonly string[]): PropertyReport {
  return { property, checked, violations: violations.slice(0, MAX_VIOLATIONS) };
}

function wrongRefusal(operation: Operation): string[] {
  const { outcome, kind } = operation;
  const mustFail = kind === 'append' && isOutOfOrder(operation);
  if (outcome.is === 'ok') return mustFail ? [`out of order, but not refused: ${describe(operation)}`] : [];
  if (outcome.is !== 'failed' || !isRefusal(outcome.error)) return [];
  if (mustFail && outcome.error!.startsWith('409')) return [];
  return [`${outcome.error}: ${describe(operation)}`];
}

function malformed(operation: Operation): string[] {
  const { outcome } = operation;
  return outcome.is !== 'ok' && outcome.error === MALFORMED ? [`${MALFORMED}: ${describe(operation)}`] : [];
}
