import type { AuthorizerOptions } from './acl/decide.ts';

/** The one place where the process's environment is read. */

export interface RegionSettings {
  readonly name: string;
  readonly bucket: string;
}

export type Consistency = 'strong' | 'eventual';

export interface LambdaSettings {
  readonly bucket: string;
  readonly logTable: string;
  readonly metadataTable: string;
  readonly groupsTable: string;
  /** Left out, the id that rests in the metadata table. */
  readonly clusterId?: string;
  /** Of a cluster of several regions: each with its bucket, in the order of the configuration. */
  readonly regions?: readonly RegionSettings[];
  /** Of a cluster of several regions: how the copies of its tables are kept alike. Strongly consistent unless given. */
  readonly consistency?: Consistency;
  /** Of one of eventual consistency, beside two regions: it has a third copy of the tables, and nothing else. */
  readonly witnessRegion?: string;
  /** The one that the function is in. */
  readonly region: string;
  /** Of those that hand work to the queue. */
  readonly queueUrl?: string;
  readonly authorizer: AuthorizerOptions;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What `cdk/` gives a function by WADI_BUCKET, WADI_LOG_TABLE, WADI_METADATA_TABLE, WADI_GROUPS_TABLE, WADI_CLUSTER_ID,
 * WADI_QUEUE_URL, WADI_REGIONS (`eu-central-1=wadi-eu,us-east-1=wadi-us`), WADI_CONSISTENCY (`strong`, or `eventual`), WADI_WITNESS_REGION, WADI_SUPER_USERS (separated by `;`, as in Kafka) and WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND (`true`, or `false`). The SDK reads the rest itself: region, credentials and, for an emulator, AWS_ENDPOINT_URL_S3,
 * AWS_ENDPOINT_URL_DYNAMODB and AWS_ENDPOINT_URL_SQS. Throws an error that names all that is missing.
 */
export function lambdaSettings(environment: Environment = process.env): LambdaSettings {
  const {
    WADI_BUCKET = '',
    WADI_LOG_TABLE = '',
    WADI_METADATA_TABLE = '',
    WADI_GROUPS_TABLE = '',
  } = environment;
  const needed = { WADI_BUCKET, WADI_LOG_TABLE, WADI_METADATA_TABLE, WADI_GROUPS_TABLE };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === '' ? [name] : []));
  if (missing.length > 0) {
    throw new Error(`These environment variables must be set: ${missing.join(', ')}`);
  }
  const { WADI_CLUSTER_ID: clusterId, WADI_QUEUE_URL: queueUrl } = environment;
  const { WADI_REGIONS, WADI_CONSISTENCY, WADI_WITNESS_REGION, AWS_REGION: region = '' } = environment;
  return {
    region,
    ...(WADI_REGIONS && { regions: readRegions(WADI_REGIONS) }),
    ...(WADI_CONSISTENCY && { consistency: readConsistency(WADI_CONSISTENCY) }),
    ...(WADI_WITNESS_REGION && { witnessRegion: WADI_WITNESS_REGION }),
    bucket: WADI_BUCKET,
    logTable: WADI_LOG_TABLE,
    metadataTable: WADI_METADATA_TABLE,
    groupsTable: WADI_GROUPS_TABLE,
    ...(clusterId && { clusterId }),
    ...(queueUrl && { queueUrl }),
    authorizer: {
      superUsers: new Set((environment.WADI_SUPER_USERS ?? '').split(';').filter((name) => name !== '')),
      allowEveryoneIfNoAclFound: environment.WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND !== 'false',
    },
  };
}

/** Names of a deployment's stores, as its stack tells them. */
export interface StoreNames {
  readonly bucket?: string;
  readonly logTable?: string;
  readonly metadataTable?: string;
  readonly groupsTable?: string;
}

/** For a process outside of Lambda: what is not given, it finds as a function does. */
export function deploymentSettings(
  { bucket, logTable, metadataTable, groupsTable }: StoreNames,
  environment: Environment = process.env,
): LambdaSettings {
  return lambdaSettings({
    ...environment,
    ...(bucket !== undefined && { WADI_BUCKET: bucket }),
    ...(logTable !== undefined && { WADI_LOG_TABLE: logTable }),
    ...(metadataTable !== undefined && { WADI_METADATA_TABLE: metadataTable }),
    ...(groupsTable !== undefined && { WADI_GROUPS_TABLE: groupsTable }),
  });
}

/** `<name>=<bucket>`, with commas between. */
function readRegions(text: string): RegionSettings[] {
  return text.split(',').map((region) => {
    const [name, bucket, ...more] = region.split('=');
    if (!name || !bucket || more.length > 0)
      throw new Error(`WADI_REGIONS: '${region}' is not <region>=<bucket>`);
    return { name, bucket };
  });
}

function readConsistency(text: string): Consistency {
  if (text === 'strong' || text === 'eventual') return text;
  throw new Error(`WADI_CONSISTENCY must be strong or eventual, not '${text}'`);
}

/** The groups whose lag is measured: WADI_LAG_GROUPS, a list in JSON. */
export function lagGroups(environment: Environment = process.env): readonly string[] {
  return JSON.parse(environment.WADI_LAG_GROUPS || '[]');
}

/** The function that the process runs in; Lambda tells it. */
export function functionName(environment: Environment = process.env): string | undefined {
  return environment.AWS_LAMBDA_FUNCTION_NAME;
}

/** Where the command line finds Wadi, unless told by `--url`. */
export function defaultUrl(environment: Environment = process.env): string {
  return environment.WADI_URL || 'http://127.0.0.1:8080';
}
