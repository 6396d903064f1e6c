import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { type PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { FunctionSpec } from '../functions/manifest.ts';
import { queueStatements, storeStatements } from './permissions.ts';
import type { WadiStorage } from './wadiStorage.ts';

const ROOT = join(import.meta.dirname, '..');

export interface WadiFunctionProps {
  readonly spec: FunctionSpec;
  readonly storage: WadiStorage;
  /** Of maintenance, for the functions that send to it. */
  readonly queue: IQueue;
  readonly logRetention?: RetentionDays;
  /** Beside what every function is told. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One function of the manifest, its log group, and a role that allows what the manifest says and no more. */
export class WadiFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: WadiFunctionProps) {
    super(scope, id);
    const { spec, storage, queue, logRetention, environment } = props;
    const logGroup = new LogGroup(this, 'Logs', {
      retention: logRetention ?? RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    // Not the role that a function makes for itself: its managed policy allows writing to any log group.
    this.role = new Role(this, 'Role', { assumedBy: new ServicePrincipal('lambda.amazonaws.com') });
    logGroup.grantWrite(this.role);
    for (const statement of storeStatements(spec.stores, storage)) this.allow(statement);
    for (const statement of queueStatements(spec.queue, queue)) this.allow(statement);

    this.function = new NodejsFunction(this, 'Function', {
      description: `Wadi ${spec.name}: ${spec.description}`,
      entry: join(ROOT, 'functions', spec.entry),
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: spec.memoryMb,
      timeout: Duration.seconds(spec.timeoutSeconds),
      role: this.role,
      logGroup,
      environment: {
        WADI_BUCKET: storage.objects.bucketName,
        WADI_LOG_TABLE: storage.log.tableName,
        WADI_METADATA_TABLE: storage.metadata.tableName,
        WADI_GROUPS_TABLE: storage.groups.tableName,
        WADI_CLUSTER_ID: storage.clusterId,
        ...(spec.queue && { WADI_QUEUE_URL: queue.queueUrl }),
        ...environment,
      },
      awsSdkConnectionReuse: false, // The SDK of today reuses its connections anyway.
      bundling: {
        format: OutputFormat.ESM,
        minify: true,
        mainFields: ['module', 'main'],
        // Of the version that is tested here, not the one that Lambda has at hand.
        bundleAwsSDK: true,
        esbuildArgs: {
          '--alias': [
            `@aws-sdk/credential-provider-node=${join(ROOT, 'lib/storage/aws/lambdaCredentials.ts')}`,
          ],
        },
      },
    });
  }
  allow(statement: PolicyStatement): void {
    this.role.addToPolicy(statement);
  }
}
