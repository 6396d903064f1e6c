import { Duration } from 'aws-cdk-lib';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { LAG } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { callEvery } from './callEvery.ts';
import { CONSUMER_LAG_FORM, type ConsumerLag, isConsumerLag } from './consumerLag.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

export interface WadiLagProps extends WadiFunctionOptions {
  readonly storage: WadiStorage;
  readonly queue: IQueue;
  readonly consumerLag: ConsumerLag;
}

/** What looks how far some consumer groups are behind: nothing else in the cluster runs that would know. */
export class WadiLag extends Construct {
  readonly measurer: WadiFunction;
  readonly groups: readonly string[];

  constructor(scope: Construct, id: string, { consumerLag, ...props }: WadiLagProps) {
    super(scope, id);
    if (!isConsumerLag(consumerLag)) throw new Error(`consumerLag must be ${CONSUMER_LAG_FORM}`);
    this.groups = Object.keys(consumerLag);
    this.measurer = new WadiFunction(this, LAG.name, {
      ...props,
      spec: LAG,
      // As the planner.
      concurrency: 1,
      environment: { WADI_LAG_GROUPS: JSON.stringify(this.groups) },
    });
    // Later than the next it is of no use.
    const maxEventAge = Duration.minutes(LAG.everyMinutes);
    this.measurer.function.configureAsyncInvoke({ retryAttempts: 0, maxEventAge });
    acknowledge(this.measurer, {
      'Serverless-LambdaAsyncFailureDestination':
        'It looks again five minutes later, and alarms tell if nothing was measured',
    });
    callEvery(this, LAG.everyMinutes, this.measurer.function, 'Wadi: the lag of consumer groups');
  }
}
