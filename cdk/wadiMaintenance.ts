import { Duration } from 'aws-cdk-lib';
import { EventSourceMapping } from 'aws-cdk-lib/aws-lambda';
import { Queue, QueueEncryption, type QueueProps } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { MAINTENANCE, PLANNER } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { callEvery } from './callEvery.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

export interface WadiMaintenanceProps extends WadiFunctionOptions {
  readonly storage: WadiStorage;
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
  /** What workers have died of, again and again. There is an alarm on it: it should be empty. */
  readonly deadLetters: Queue;
  readonly planner: WadiFunction;
  readonly worker: WadiFunction;

  constructor(scope: Construct, id: string, props: WadiMaintenanceProps) {
    super(scope, id);
    const { key } = props.storage;
    const secured: QueueProps = {
      enforceSSL: true,
      ...(key
        ? { encryption: QueueEncryption.KMS, encryptionMasterKey: key }
        : { encryption: QueueEncryption.SQS_MANAGED }),
    };
    this.deadLetters = new Queue(this, 'DeadLetters', { ...secured, retentionPeriod: Duration.days(14) });
    acknowledge(this.deadLetters, {
      'Serverless-SQSRedrivePolicy': 'It is the end of the way: an alarm has somebody look at it',
    });
    this.queue = new Queue(this, 'Queue', {
      ...secured,
      retentionPeriod: KEPT_FOR,
      visibilityTimeout: Duration.seconds(TIMEOUTS_OUT_OF_SIGHT * MAINTENANCE.timeoutSeconds),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: MAINTENANCE.attempts },
    });

    this.planner = new WadiFunction(this, PLANNER.name, {
      ...props,
      spec: PLANNER,
      queue: this.queue,
      // It is over long before the next begins.
      concurrency: 1,
    });
    // What fails is made up for by the next.
    this.planner.function.configureAsyncInvoke({ retryAttempts: 0 });
    acknowledge(this.planner, {
      'Serverless-LambdaAsyncFailureDestination':
        'The next plan is made five minutes later, and an alarm tells if none is',
    });
    callEvery(this, PLANNER.everyMinutes, this.planner.function, 'Wadi: maintenance that is due');

    this.worker = new WadiFunction(this, MAINTENANCE.name, {
      ...props,
      spec: MAINTENANCE,
      queue: this.queue,
      receives: true,
      concurrency: MAINTENANCE.concurrency,
    });
    // Not an SqsEventSource, which would allow more than is used.
    const mapping = new EventSourceMapping(this, 'Messages', {
      target: this.worker.function,
      eventSourceArn: this.queue.queueArn,
      batchSize: 1,
      maxConcurrency: MAINTENANCE.concurrency,
      reportBatchItemFailures: true,
    });
    acknowledge(mapping, {
      'Serverless-LambdaEventSourceMappingDestination':
        'Queues have none: what fails again and again goes to the dead letters',
    });
    // It is refused until the worker may receive.
    mapping.node.addDependency(this.worker.role);
  }
}
