import { Duration } from 'aws-cdk-lib';
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import type { Consistency } from './clusterRegions.ts';
import { CONSUMER_LAG_FORM, type ConsumerLag, readConsumerLag } from './consumerLag.ts';
import { readStreams, STREAMS_FORM, type StreamsApplications } from './streamsSetting.ts';
import type { WadiAlarmThresholds } from './wadiAlarms.ts';
import type { Authorization } from './wadiApi.ts';
import type { WadiClusterProps } from './wadiCluster.ts';
import type { TableName, WadiStorageProps } from './wadiStorage.ts';

/** What `cdk/app.ts` is told by the CDK's context: `-c key=value`, or "context" in cdk.json. */
export interface Settings {
  /** None: that of the operator's profile. Several: one cluster of all. */
  readonly regions: readonly string[];
  readonly witnessRegion: string | undefined;
  readonly clusterName: string | undefined;
  /** Of several regions; `strong` unless given. */
  readonly consistency: Consistency | undefined;
  readonly storage: Pick<WadiStorageProps, 'customerKey' | 'restoreWindow' | 'restoredTables'>;
  readonly cluster: Omit<WadiClusterProps, 'storage' | 'alarmTopic'>;
  /** None unless given. */
  readonly streams: StreamsApplications;
  readonly alarmEmail: string | undefined;
  readonly alarmTopicArn: string | undefined;
  readonly localstack: boolean;
  /** With `localstack`: which of those that were given are for nothing that it has. */
  readonly leftOut: readonly string[];
}

interface Setting<T> {
  /** In English, behind "must be". */
  readonly form: string;
  /** `undefined` for what is not of the form. */
  readonly read: (text: string) => T | undefined;
}

const pattern = (form: string, regExp: RegExp): Setting<string> => ({
  form,
  read: (text) => (regExp.test(text) ? text : undefined),
});

const list = ({ form, read }: Setting<string>, separator = ','): Setting<readonly string[]> => ({
  form: `${form}, or several with ${separator} between`,
  read: (text) => {
    const parts = text.split(separator);
    return parts.every((part) => read(part) !== undefined) ? parts : undefined;
  },
});

const number = (unit: string, min: number, max: number): Setting<number> => ({
  form: `${unit} from ${min} to ${max}`,
  read: (text) => {
    const value = Number(text);
    return text.trim() !== '' && value >= min && value <= max ? value : undefined;
  },
});

const whole = (unit: string, min: number, max: number): Setting<number> => {
  const { form, read } = number(unit, min, max);
  return { form: `a whole number of ${form}`, read: (text) => (/^\d+$/.test(text) ? read(text) : undefined) };
};

const word = <W extends string>(...words: readonly W[]): Setting<W> => ({
  form: words.join(' or '),
  read: (text) => words.find((each) => each === text),
});

const flag: Setting<boolean> = {
  form: 'true or false',
  read: (text) => ({ true: true, false: false })[text],
};

const region = pattern('a region, as eu-central-1', /^[a-z]{2}(-[a-z]+)+-\d$/);

const LOG_DAYS = Object.values(RetentionDays).filter(
  (days): days is number => typeof days === 'number' && days !== RetentionDays.INFINITE,
);
const logDays: Setting<RetentionDays> = {
  form: `one of CloudWatch's numbers of days: ${LOG_DAYS.join(', ')}`,
  read: (text) => LOG_DAYS.find((days) => String(days) === text),
};

const consumerLag: Setting<ConsumerLag> = { form: CONSUMER_LAG_FORM, read: readConsumerLag };

const streams: Setting<StreamsApplications> = { form: STREAMS_FORM, read: readStreams };

/** All there are; cdk/README.md explains each, with its default. */
const SETTINGS = {
  regions: list(region),
  witnessRegion: region,
  consistency: word('strong', 'eventual'),
  clusterName: pattern('3 to 24 of a-z, 0-9 and -, a letter first', /^[a-z][a-z0-9-]{1,22}[a-z0-9]$/),
  authorization: word('iam', 'jwt', 'none'),
  jwtIssuer: pattern('an https URL', /^https:\/\/\S+$/),
  jwtAudience: list(pattern('a text', /./)),
  superUsers: list(pattern('User:<name>', /^User:./), ';'),
  allowEveryoneIfNoAclFound: flag,
  privateVpcEndpointIds: list(
    pattern('the id of a VPC endpoint, as vpce-0123456789abcdef0', /^vpce-[0-9a-f]{8,17}$/),
  ),
  corsAllowOrigins: list(pattern('an origin, as https://app.example, or *', /^(\*|https?:\/\/[^/\s]+)$/)),
  throttlingRateLimit: whole('requests a second', 1, 1_000_000),
  throttlingBurstLimit: whole('requests', 1, 1_000_000),
  logRetentionDays: logDays,
  accessLogRetentionDays: logDays,
  customerKey: flag,
  restoreWindowDays: whole('days', 1, 35),
  restoredTables: pattern('three names of tables, log,metadata,groups', /^[\w.-]+,[\w.-]+,[\w.-]+$/),
  reserveConcurrency: flag,
  produceConcurrency: whole('requests at once', 1, 100_000),
  pollConcurrency: whole('requests at once', 1, 100_000),
  stopped: flag,
  streams,
  alarms: flag,
  alarmEmail: pattern('an e-mail address', /^\S+@\S+$/),
  alarmTopicArn: pattern('the ARN of an SNS topic', /^arn:[\w-]+:sns:/),
  alarmApiErrorPercent: number('a number of percent', 0, 100),
  alarmAppendErrorPercent: number('a number of percent', 0, 100),
  alarmAppendLatencyMs: whole('milliseconds', 1, 29_000),
  alarmUnmergedMinutes: whole('minutes', 15, 10_080),
  alarmFloorLagMinutes: whole('minutes', 15, 10_080),
  alarmQueueMinutes: whole('minutes', 5, 1_440),
  alarmConsumerLag: consumerLag,
  runbookUrl: pattern('a URL or path', /^\S+$/),
  localstack: flag,
} satisfies Record<string, Setting<unknown>>;

export const SETTING_NAMES = Object.keys(SETTINGS);

type Values = { [K in keyof typeof SETTINGS]?: NonNullable<ReturnType<(typeof SETTINGS)[K]['read']>> };

/** Reads the settings of a context. Throws an error of one line for what is no setting, or no value of it. */
export function readSettings(context: Readonly<Record<string, unknown>>): Settings {
  const given = valuesOf(context);
  const { regions = [], localstack = false } = given;
  const storage = defined({
    customerKey: given.customerKey,
    restoreWindow: map(given.restoreWindowDays, Duration.days),
    restoredTables: map(given.restoredTables, tableNames),
  });
  const alarmThresholds: WadiAlarmThresholds = defined({
    apiErrorPercent: given.alarmApiErrorPercent,
    appendErrorPercent: given.alarmAppendErrorPercent,
    appendLatency: map(given.alarmAppendLatencyMs, Duration.millis),
    unmergedAge: map(given.alarmUnmergedMinutes, Duration.minutes),
    floorLag: map(given.alarmFloorLagMinutes, Duration.minutes),
    queueAge: map(given.alarmQueueMinutes, Duration.minutes),
    consumerLag: given.alarmConsumerLag,
  });
  const cluster = defined({
    authorization: authorizationOf(given),
    superUsers: given.superUsers,
    allowEveryoneIfNoAclFound: given.allowEveryoneIfNoAclFound,
    privateVpcEndpointIds: given.privateVpcEndpointIds,
    corsAllowOrigins: given.corsAllowOrigins,
    throttlingRateLimit: given.throttlingRateLimit,
    throttlingBurstLimit: given.throttlingBurstLimit,
    logRetention: given.logRetentionDays,
    accessLogRetention: given.accessLogRetentionDays,
    reserveConcurrency: given.reserveConcurrency,
    produceConcurrency: given.produceConcurrency,
    pollConcurrency: given.pollConcurrency,
    stopped: given.stopped,
    alarms: given.alarms,
    runbookUrl: given.runbookUrl,
    alarmThresholds,
  });
  if (given.alarmEmail && given.alarmTopicArn) throw new Error('give alarmEmail or alarmTopicArn, not both');
  if (given.alarmTopicArn && regions.length > 1) {
    throw new Error('alarmTopicArn is of one region: with several regions, give alarmEmail');
  }
  refuseRegions(given);
  if (given.privateVpcEndpointIds) refuseForPrivate(given);
  return {
    regions,
    witnessRegion: given.witnessRegion,
    clusterName: given.clusterName,
    consistency: given.consistency,
    storage,
    cluster,
    streams: given.streams ?? {},
    alarmEmail: given.alarmEmail,
    alarmTopicArn: given.alarmTopicArn,
    localstack,
    leftOut: localstack ? Object.keys(given).filter((name) => !OF_LOCALSTACK.includes(name)) : [],
  };
}

const OF_LOCALSTACK: readonly string[] = ['localstack', 'restoreWindowDays', 'logRetentionDays'];

/**
 * Where DynamoDB keeps a table strongly consistent over several regions: three of one set
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html, "Multi-Region strong consistency").
 */
const REGION_SETS: readonly (readonly string[])[] = [
  ['us-east-1', 'us-east-2', 'us-west-2'],
  ['eu-west-1', 'eu-west-2', 'eu-west-3', 'eu-central-1'],
  ['ap-northeast-1', 'ap-northeast-2', 'ap-northeast-3'],
];

function refuseRegions(given: Values): void {
  const { regions = [], witnessRegion, clusterName, consistency = 'strong', restoredTables } = given;
  if (regions.length < 2) {
    if (witnessRegion || clusterName)
      throw new Error('witnessRegion and clusterName are for several regions');
    if (given.consistency) throw new Error('consistency is for several regions');
    return;
  }
  const all = [...regions, ...(witnessRegion ? [witnessRegion] : [])];
  if (consistency === 'eventual') refuseCopies(all, regions.length);
  else refuseReplicas(all);
  if (restoredTables) {
    throw new Error('restoredTables are for one region: replicated tables are empty when they are made');
  }
}

function refuseReplicas(all: readonly string[]): void {
  if (all.length !== 3 || new Set(all).size !== 3) {
    throw new Error('regions must be one, or three, or two with a witnessRegion, each another');
  }
  if (!REGION_SETS.some((set) => all.every((each) => set.includes(each)))) {
    const sets = REGION_SETS.map((set) => set.join(', ')).join('; or of ');
    throw new Error(
      `regions and witnessRegion must be of one of DynamoDB's sets: of ${sets}; elsewhere give consistency=eventual`,
    );
  }
}

function refuseCopies(all: readonly string[], regions: number): void {
  const hasWitness = all.length > regions;
  if (new Set(all).size === all.length && (hasWitness ? regions === 2 : regions >= 3)) return;
  throw new Error(
    'with consistency=eventual, regions must be three or more, or two with a witnessRegion, each another: most of three must say who is home',
  );
}

/** A private API is a REST API, whose authorizers know no tokens of any issuer, and is of the region of its endpoints. */
function refuseForPrivate({ authorization, corsAllowOrigins, regions = [] }: Values): void {
  if (authorization === 'jwt') {
    throw new Error(
      'with privateVpcEndpointIds, authorization must be iam or none: a private API takes no tokens',
    );
  }
  if (corsAllowOrigins) throw new Error('give privateVpcEndpointIds or corsAllowOrigins, not both');
  if (regions.length > 1) {
    throw new Error('privateVpcEndpointIds are of one region: the API of several regions is public');
  }
}

function valuesOf(context: Readonly<Record<string, unknown>>): Values {
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(context)) {
    if (isOfCdk(key)) continue;
    const setting = (SETTINGS as Record<string, Setting<unknown>>)[key];
    if (setting === undefined) {
      throw new Error(`there is no setting ${key}; there are: ${SETTING_NAMES.join(', ')}`);
    }
    const text = textOf(key, value);
    values[key] = setting.read(text);
    if (values[key] === undefined) throw new Error(`${key} must be ${setting.form}, not '${text}'`);
  }
  return values as Values;
}

/** In cdk.json it may be a number, a boolean, an array or an object as well. */
function textOf(key: string, value: unknown): string {
  if (Array.isArray(value)) return value.join(key === 'superUsers' ? ';' : ',');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** What the CDK itself keeps in the context: its flags, and what it has looked up. */
const isOfCdk = (key: string): boolean => /^@|[:-]/.test(key);

function authorizationOf({ authorization = 'iam', jwtIssuer, jwtAudience }: Values): Authorization {
  if (authorization !== 'jwt') {
    if (jwtIssuer || jwtAudience)
      throw new Error('jwtIssuer and jwtAudience are for authorization=jwt alone');
    return authorization;
  }
  if (!jwtIssuer || !jwtAudience)
    throw new Error('authorization=jwt takes jwtIssuer and jwtAudience as well');
  return { issuer: jwtIssuer, audience: jwtAudience };
}

function tableNames(names: string): Readonly<Record<TableName, string>> {
  const [log, metadata, groups] = names.split(',') as [string, string, string];
  return { log, metadata, groups };
}

function map<T, U>(value: T | undefined, made: (value: T) => U): U | undefined {
  return value === undefined ? undefined : made(value);
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** What is left out has its default where it is used. */
function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
