import { existsSync } from 'node:fs';
import { basename, extname, resolve } from 'node:path';
import { Duration } from 'aws-cdk-lib';
import { Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { ArnPrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import { STREAMS } from '../functions/manifest.ts';
import { acknowledge } from './acknowledge.ts';
import { type AlarmSpec, addAlarm, functionErrors } from './alarm.ts';
import { callEvery } from './callEvery.ts';
import { functionMetrics, toldMetric } from './clusterMetrics.ts';
import type { WadiCluster } from './wadiCluster.ts';
import { WadiFunction } from './wadiFunction.ts';

export interface StreamsApplicationOptions {
  /**
   * How often the clock calls it, minutes, 1 to 60: so late it reads what no call of the waker told it of, and goes on with what was left when its time was
   * over. 5 unless given; 1 is best for one that has much to read.
   */
  readonly everyMinutes?: number;
  /** Its tasks' stores must fit in. 1024 unless given. */
  readonly memoryMb?: number;
  /** 60 to 900; a task's stores must be restored within it. 300 unless given. */
  readonly timeoutSeconds?: number;
  /**
   * How many workers may run at once, which is kept of the account's concurrency; without `reserveConcurrency` it is without effect. 1 unless given, which always
   * has its tasks' stores at hand: of several, each restores those of a task that another had.
   */
  readonly maxWorkers?: number;
  /** How many records may wait for it: there is an alarm if more have for a quarter of an hour, and three calls of the clock. None unless given. */
  readonly alarmLag?: number;
  /** What its code reads of the environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

export interface StreamsApplicationProps extends StreamsApplicationOptions {
  readonly cluster: WadiCluster;
  /** Path of the module whose default export is `{ applicationId, topology, onError? }`, TypeScript or JavaScript. */
  readonly entry: string;
  /** Tells it from others of the cluster: up to 31 of letters, digits, `-` and `_`. The file's name unless given. */
  readonly name?: string;
}

const NAME = /^[\w-]{1,31}$/;

/** A streams application that runs on Lambda: its function, which the clock calls, and the cluster's waker when there is something to read. */
export class StreamsApplication extends Construct {
  readonly worker: WadiFunction;

  constructor(scope: Construct, id: string, props: StreamsApplicationProps) {
    super(scope, id);
    const { cluster, entry, name = nameOf(entry), environment } = props;
    const { everyMinutes = STREAMS.everyMinutes, memoryMb = STREAMS.memoryMb, maxWorkers = 1 } = props;
    const { timeoutSeconds = STREAMS.timeoutSeconds } = props;
    if (!existsSync(entry)) throw new Error(`there is no module ${entry} of a streams application`);
    if (!NAME.test(name)) {
      throw new Error(`a streams application's name has up to 31 letters, digits, - and _, not '${name}'`);
    }
    requireWithin('everyMinutes', everyMinutes, 1, 60);
    requireWithin('timeoutSeconds', timeoutSeconds, 60, 900);
    const { storage, maintenance, props: options } = cluster;
    const service = `${STREAMS.name}-${name}`;
    this.worker = new WadiFunction(this, STREAMS.name, {
      ...{ ...options, storage, queue: maintenance.queue, concurrency: maxWorkers },
      spec: { ...STREAMS, name: service, memoryMb, timeoutSeconds },
      application: resolve(entry),
      // All regions tell the same of it, whose waker calls it by its name.
      ...(storage.clusterName && { functionName: `${storage.clusterName}-${service}` }),
      ...(environment && { environment }),
    });
    const { function: lambda } = this.worker;
    // The next call makes up for one that failed, or came too late.
    lambda.configureAsyncInvoke({ retryAttempts: 0, maxEventAge: Duration.minutes(1) });
    acknowledge(this.worker, {
      'Serverless-LambdaAsyncFailureDestination':
        'The clock calls it again within minutes, and alarms tell what fails',
    });
    callEvery(this, everyMinutes, lambda, `Wadi: the streams application ${name}`);
    const waker = cluster.waker();
    if (waker) lambda.addPermission('Waker', { principal: new ArnPrincipal(waker.waker.role.roleArn) });
    cluster.dashboard?.showStreams();
    if (options.alarms === false) return;
    const specs = [
      ...alarmSpecs(props, name, service, everyMinutes),
      functionErrors(functionMetrics(service, this.worker)),
    ];
    for (const spec of specs) addAlarm(this, spec, options);
  }
}

/** What it tells itself: of eventual consistency, where it is at home. */
function alarmSpecs(
  { cluster, alarmLag }: StreamsApplicationProps,
  name: string,
  service: string,
  everyMinutes: number,
): AlarmSpec[] {
  const { clusterId, storage } = cluster;
  const failures: AlarmSpec = {
    id: 'StreamsFailures',
    text: `tasks of the streams application ${name} fail again and again`,
    metric: toldMetric(clusterId, { service }, 'StreamsTasksFailed', Stats.SUM),
    threshold: 0,
    periods: [2, 3],
  };
  if (alarmLag === undefined) return [failures];
  // Three calls, and a quarter of an hour.
  const periods = Math.max(3, Math.ceil((3 * everyMinutes) / 5));
  const lag: AlarmSpec = {
    id: 'StreamsLag',
    text: `the streams application ${name} is more than ${alarmLag} records behind, or does not run`,
    metric: toldMetric(clusterId, { service }, 'StreamsLag', Stats.MAXIMUM),
    threshold: alarmLag,
    periods: [periods, periods],
    missingIsBad: !storage.isEventual,
  };
  return [failures, lag];
}

function requireWithin(option: string, value: number, from: number, to: number): void {
  if (value < from || value > to) throw new Error(`${option} must be from ${from} to ${to}`);
}

/** What an application is called that is not given a name. */
export const nameOf = (entry: string): string => basename(entry, extname(entry));
