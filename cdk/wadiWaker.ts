import { Duration } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { EventSourceMapping, FilterCriteria, FilterRule, StartingPosition } from 'aws-cdk-lib/aws-lambda';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { WAKER } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { type AlarmOptions, addAlarm, functionErrors, functionThrottles } from './alarm.ts';
import { functionMetrics } from './clusterMetrics.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

export interface WadiWakerProps extends WadiFunctionOptions, AlarmOptions {
  readonly storage: WadiStorage;
  readonly queue: IQueue;
  /** Of the log table. */
  readonly streamArn: string;
  /** True unless given. */
  readonly alarms?: boolean;
}

/** So long changes are gathered: an application is called once for them. */
const WINDOW = Duration.seconds(1);
const CHANGES = 1_000;
/** What is not told by then, the clock makes up for. */
const TRIES_AGAIN = 2;
const MAX_AGE = Duration.minutes(1);

/**
 * What calls the functions of streams applications when something was appended that they read. There is one for all of them: a table's changes should be read by two at
 * most, a global table's by one (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html).
 */
export class WadiWaker extends Construct {
  readonly waker: WadiFunction;

  constructor(scope: Construct, id: string, { streamArn, ...props }: WadiWakerProps) {
    super(scope, id);
    this.waker = new WadiFunction(this, WAKER.name, { ...props, spec: WAKER });
    const { function: target, role } = this.waker;
    // The calls that Lambda makes in its name (https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html); whom it may call, these say.
    role.addToPolicy(
      new PolicyStatement({
        actions: ['DescribeStream', 'GetRecords', 'GetShardIterator', 'ListStreams'].map(
          (action) => `dynamodb:${action}`,
        ),
        resources: [streamArn],
      }),
    );
    const mapping = new EventSourceMapping(this, 'Changes', {
      ...{ target, eventSourceArn: streamArn, startingPosition: StartingPosition.LATEST },
      ...{ batchSize: CHANGES, maxBatchingWindow: WINDOW, retryAttempts: TRIES_AGAIN, maxRecordAge: MAX_AGE },
      filters: [FilterCriteria.filter(APPENDED)],
    });
    acknowledge(mapping, {
      'Serverless-LambdaEventSourceMappingDestination':
        'Whom it could not call the clock calls within minutes, and an alarm tells',
    });
    // It is refused until the waker may read them.
    mapping.node.addDependency(role);
    const { alarms = true } = props;
    const metrics = functionMetrics(WAKER.name, this.waker);
    for (const spec of alarms ? [functionErrors(metrics), functionThrottles(metrics)] : [])
      addAlarm(this, spec, props);
  }
}

/** A head was changed: see `headKey` in lib/log/head.ts. */
const APPENDED = {
  eventName: FilterRule.isEqual('MODIFY'),
  dynamodb: { Keys: { sk: { S: FilterRule.isEqual('head') } } },
};
