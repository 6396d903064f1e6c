import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import type { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke } from 'aws-cdk-lib/aws-scheduler-targets';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MAINTENANCE, PLANNER } from '../functions/manifest.ts';
import { receiveStatement } from './permissions.ts';
import { WadiFunction } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

export interface WadiMaintenanceProps {
  readonly storage: WadiStorage;
  /** How long the functions' logs are kept, a month unless given. */
  readonly logRetention?: RetentionDays;
}

/**
 * A message is out of sight for so many times as long as a worker may take: what Lambda asks for, so that one that is throttled
 * has time to come (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html).
 */
const TIMEOUTS_OUT_OF_SIGHT = 6;
/** The planner sends again what is still due, so nothing need wait for long. */
const KEPT_FOR = Duration.days(1);

/** The clock, the planner, the queue between, and the workers: what keeps the log in order while nobody looks. */
export class WadiMaintenance extends Construct {
  readonly queue: Queue;
  /** What workers have died of, again and again. Best alarmed on: it should be empty. */
  readonly deadLetters: Queue;

  constructor(scope: Construct, id: string, props: WadiMaintenanceProps) {
    super(scope, id);
    const secured = { encryption: QueueEncryption.SQS_MANAGED, enforceSSL: true };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...secured, retentionPeriod: Duration.days(14) });
    this.queue = new Queue(this, 'Queue', {
      ...secured,
      retentionPeriod: KEPT_FOR,
      visibilityTimeout: Duration.seconds(TIMEOUTS_OUT_OF_SIGHT * MAINTENANCE.timeoutSeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAINTENANCE.attempts },
    });

    const planner = new WadiFunction(this, PLANNER.name, { ...props, spec: PLANNER, queue: this.queue });
    // What fails is made up for by the next.
    planner.function.configureAsyncInvoke({ retryAttempts: 0 });
    new Schedule(this, 'Schedule', {
      description: 'Wadi: maintenance that is due',
      schedule: ScheduleExpression.rate(Duration.minutes(PLANNER.everyMinutes)),
      target: new LambdaInvoke(planner.function, { retryAttempts: 0 }),
    });

    const worker = new WadiFunction(this, MAINTENANCE.name, {
      ...props,
      spec: MAINTENANCE,
      queue: this.queue,
    });
    worker.allow(receiveStatement(this.queue));
    // Not an SqsEventSource, which would allow more than is used.
    const mapping = new EventSourceMapping(this, 'Messages', {
      target: worker.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      maxConcurrency: MAINTENANCE.concurrency,
      reportBatchItemFailures: true,
    });
    // It is refused until the worker may receive.
    mapping.node.addDependency(worker.role);
  }
}
