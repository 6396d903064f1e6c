import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import { FAILOVER } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { WadiFunction, type WadiFunctionOptions } from './wadiFunction.ts';
import type { WadiStorage } from './wadiStorage.ts';

export interface WadiFailoverProps extends WadiFunctionOptions {
  readonly storage: WadiStorage;
  readonly queue: IQueue;
}

/** Of a cluster of eventual consistency: what makes this region home, or another, when an operator says so. Nothing else calls it. */
export class WadiFailover extends Construct {
  readonly failover: WadiFunction;

  constructor(scope: Construct, id: string, props: WadiFailoverProps) {
    super(scope, id);
    this.failover = new WadiFunction(this, FAILOVER.name, { ...props, spec: FAILOVER });
    // Whoever called it has seen why it broke off, and decides.
    this.failover.function.configureAsyncInvoke({ retryAttempts: 0 });
    acknowledge(this.failover, {
      'Serverless-LambdaAsyncFailureDestination': 'An operator calls it, and waits for its answer',
    });
  }
}
