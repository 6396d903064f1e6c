import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Function as LambdaFunction, Runtime, Tracing } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionSpec } from '../functions/manifest.ts';
import { acknowledge, acknowledgeRegions, allObjects } from './acknowledge.ts';
import { functionCode } from './bundle/functionCode.ts';
import {
  copyKeyStatements,
  copyStatements,
  countStatements,
  keyStatements,
  otherKeyStatements,
  queueStatements,
  receiveStatement,
  storeStatements,
} from './permissions.ts';
import type { WadiStorage } from './wadiStorage.ts';

/** What all functions of a cluster have in common. */
export interface WadiFunctionOptions {
  /** How long functions' logs are kept; a month unless given. */
  readonly logRetention?: RetentionDays;
  /**
   * Whether some of the account's concurrency is kept for maintenance, so that no rush of requests can keep it from its work, nor
   * it take theirs: 11 in all, 1 for `lag`, where that is asked for, and `maxWorkers` for each streams application. The account must have 100 more than what is kept (new ones have 10,
   * until one asks for more). True unless given.
   */
  readonly reserveConcurrency?: boolean;
  /** Whether no function may run: to restore a backup, say. False unless given. */
  readonly stopped?: boolean;
}

export interface WadiFunctionProps extends WadiFunctionOptions {
  readonly spec: FunctionSpec;
  readonly storage: WadiStorage;
  /** Of maintenance, for the functions that send to it. */
  readonly queue: IQueue;
  /** Whether Lambda hands it what is in the queue. */
  readonly receives?: boolean;
  /** As many as may run at once, kept for it, where `reserveConcurrency` says so. */
  readonly concurrency?: number;
  /** Absolute path of the module that it is made for, of a streams application. */
  readonly application?: string;
  /** One that is known to other regions; CloudFormation makes one up unless given. */
  readonly functionName?: string;
  /** Beside what every function is told. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One function of the manifest, its log group, and a role that allows what the manifest says and no more. */
export class WadiFunction extends Construct {
  readonly function: LambdaFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WadiFunctionProps) {
    super(scope, id);
    const { spec, storage, queue, receives = false, application, functionName, environment } = props;
    const { logRetention = RetentionDays.ONE_MONTH, reserveConcurrency = true, stopped = false } = props;
    const concurrency = stopped ? 0 : reserveConcurrency ? props.concurrency : undefined;
    const { key } = storage;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: logRetention,
      ...(key && { encryptionKey: key }),
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the role that a function makes for itself: its managed policy allows writing to any log group.
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(this.role);
    const uses = [...(spec.queue ?? []), ...(receives ? (['receive'] as const) : [])];
    for (const statement of [
      ...storeStatements(spec, storage),
      ...copyStatements(spec, storage),
      ...(spec.counts ? countStatements(storage) : []),
      ...queueStatements(spec.queue, queue),
      ...(receives ? [receiveStatement(queue)] : []),
      ...(key ? keyStatements(spec, uses, key) : []),
      ...(key ? storage.otherRegions.flatMap((names) => otherKeyStatements(spec, names)) : []),
      ...(key ? storage.otherCopies.flatMap(copyKeyStatements) : []),
    ]) {
      this.role.addToPolicy(statement);
    }

    acknowledge(this.role, {
      'AwsSolutions-IAM5[Resource::*]': "X-Ray's actions are of no resource",
      [`AwsSolutions-IAM5[Resource::${allObjects(storage.objects, this)}]`]:
        'The bucket is all of the cluster, and the function is for all topics: ACLs tell them apart',
    });

    acknowledgeRegions(this.role, storage.otherRegions, storage.witness);

    this.function = new LambdaFunction(this, 'Function', {
      description: `Wadi ${spec.name}: ${spec.description}`,
      ...(functionName && { functionName }),
      code: functionCode(spec.entry, application),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: spec.memoryMb,
      timeout: Duration.seconds(spec.timeoutSeconds),
      role: this.role,
      tracing: Tracing.ACTIVE,
      ...(concurrency !== undefined && { reservedConcurrentExecutions: concurrency }),
      logGroup,
      environment: {
        POWERTOOLS_SERVICE_NAME: spec.name,
        WADI_BUCKET: storage.objects.bucketName,
        WADI_LOG_TABLE: storage.log.tableName,
        WADI_METADATA_TABLE: storage.metadata.tableName,
        WADI_GROUPS_TABLE: storage.groups.tableName,
        WADI_CLUSTER_ID: storage.clusterId,
        ...(storage.regions.length > 0 && { WADI_REGIONS: regionBuckets(storage) }),
        ...(storage.isEventual && copiesOf(storage)),
        ...(spec.queue && { WADI_QUEUE_URL: queue.queueUrl }),
        ...environment,
      },
    });
    acknowledge(this.function, {
      'Serverless-LambdaDLQ':
        'Who calls is told of a failure and repeats it: the caller of the API; the next plan; the queue, which has a dead-letter queue',
    });
  }
}

/** As `lib/settings.ts` reads them. */
function copiesOf({ witness }: WadiStorage): Record<string, string> {
  return { WADI_CONSISTENCY: 'eventual', ...(witness && { WADI_WITNESS_REGION: witness.region }) };
}

const regionBuckets = ({ regions }: WadiStorage): string =>
  regions.map(({ region, bucketName }) => `${region}=${bucketName}`).join();
