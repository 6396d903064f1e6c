import type { Static, TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import { parseDuration } from '../../duration.ts';
import { WadiError } from '../../errors.ts';
import type { AssignorName, MemberConfig, OffsetReset } from '../../group/groups.ts';
import { FORMATS } from './format.ts';
import { MAX_WAIT_MS } from './limits.ts';

const nullable = <T extends TSchema>(schema: T, description: string) =>
  Type.Optional(Type.Union([schema, Type.Null()], { description }));
const text = (description: string) => nullable(Type.String(), description);
/** REST Proxy's clients write numbers and booleans as such or as text. */
const integer = (description: string) => nullable(Type.Union([Type.Integer(), Type.String()]), description);
const boolean = (description: string) => nullable(Type.Union([Type.Boolean(), Type.String()]), description);

const AUTO_COMMIT = 'Whether a poll commits what the polls before it gave. true if absent.';

/** REST Proxy's, Strimzi Bridge's, and the rest by the names that Kafka's consumer has for them. */
export const CreateInstanceRequest = Type.Object(
  {
    id: text('The same as `name`, which it overrides.'),
    name: text('Of the instance: unique in its group. One is made up if it is absent.'),
    format: text(
      'How records are written: `binary` (base64; the default), `json` or `text`. `avro`, `jsonschema` and `protobuf` are refused: there is no schema registry.',
    ),
    'auto.offset.reset': text(
      'Where to begin where nothing is committed: `latest` (the default), `earliest`, `none` (a poll is refused) or `by_duration:P1DT2H`.',
    ),
    'auto.commit.enable': boolean(AUTO_COMMIT),
    'enable.auto.commit': boolean(AUTO_COMMIT),
    'auto.commit.interval.ms': integer('How often it does so at most.'),
    'fetch.min.bytes': integer(
      'A poll waits for so many, until it is full or its time is over (-1: until then).',
    ),
    'fetch.max.bytes': integer('Of the batches that a poll reads, unless it gives `max_bytes`.'),
    'max.poll.records': integer('That a poll answers, at most.'),
    'consumer.request.timeout.ms': integer(
      `How long a poll waits, unless it gives \`timeout\`: up to ${MAX_WAIT_MS}, and more is taken for that.`,
    ),
    'session.timeout.ms': integer('An instance that is not heard of for so long is deleted.'),
    'max.poll.interval.ms': integer('With `wadi.confirm.revocation`: how long a confirmation is waited for.'),
    'group.instance.id': text('Of a static member: it keeps its partitions when it leaves and comes back.'),
    'group.remote.assignor': text('`uniform` (the default), `range` or `load`.'),
    'isolation.level': text('`read_uncommitted` or `read_committed`, which are the same here.'),
    'wadi.confirm.revocation': boolean(
      'Partitions that go to another stay until the instance says that it has stopped with them (`heartbeat`).',
    ),
  },
  { title: 'CreateInstanceRequest', additionalProperties: false },
);
type Request = Static<typeof CreateInstanceRequest>;

/** The configs that are given. Throws INVALID_CONFIG, naming one that has no such value. */
export function readConfig(request: Request): Partial<MemberConfig> {
  const given = <T>(name: keyof Request, parse: (text: string) => T | undefined, expected: string) => {
    const value = request[name];
    if (value === undefined || value === null) return undefined;
    const parsed = parse(String(value));
    if (parsed !== undefined) return parsed;
    throw invalidConfig(name, `${JSON.stringify(value).slice(0, 60)} is not ${expected}.`);
  };
  const integerFrom = (least: number, name: keyof Request) =>
    given(name, (text) => parseInteger(text, least), `an integer from ${least} on`);
  const flag = (name: keyof Request) => given(name, parseBoolean, 'true or false');
  const oneOf = <T extends string>(name: keyof Request, names: readonly T[]) =>
    given(name, (text) => names.find((each) => each === text.toLowerCase()), names.join(' or '));

  oneOf('isolation.level', ['read_uncommitted', 'read_committed']);
  requireNoSchema(request.format);
  const requestTimeoutMs = integerFrom(0, 'consumer.request.timeout.ms');
  const fetchMinBytes = integerFrom(-1, 'fetch.min.bytes');
  const config: { [K in keyof MemberConfig]: MemberConfig[K] | undefined } = {
    format: oneOf('format', [...FORMATS.keys()]),
    autoOffsetReset: given(
      'auto.offset.reset',
      parseReset,
      'earliest, latest, none or by_duration:<ISO 8601>',
    ),
    enableAutoCommit: flag('enable.auto.commit') ?? flag('auto.commit.enable'),
    autoCommitIntervalMs: integerFrom(0, 'auto.commit.interval.ms'),
    fetchMinBytes: fetchMinBytes === -1 ? Number.MAX_SAFE_INTEGER : fetchMinBytes,
    fetchMaxBytes: integerFrom(0, 'fetch.max.bytes'),
    maxPollRecords: integerFrom(1, 'max.poll.records'),
    requestTimeoutMs: requestTimeoutMs === undefined ? undefined : Math.min(requestTimeoutMs, MAX_WAIT_MS),
    sessionTimeoutMs: integerFrom(1, 'session.timeout.ms'),
    maxPollIntervalMs: integerFrom(1, 'max.poll.interval.ms'),
    groupInstanceId: request['group.instance.id'] ?? undefined,
    assignor: oneOf('group.remote.assignor', ASSIGNORS),
    confirmRevocation: flag('wadi.confirm.revocation'),
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

const ASSIGNORS: readonly AssignorName[] = ['uniform', 'range', 'load'];
const SCHEMA_FORMATS = ['avro', 'jsonschema', 'protobuf'];

function requireNoSchema(format: Request['format']): void {
  if (typeof format !== 'string' || !SCHEMA_FORMATS.includes(format.toLowerCase())) return;
  throw invalidConfig('format', `${format} needs a schema registry, and there is none.`);
}

function invalidConfig(name: string, problem: string): WadiError {
  return new WadiError('INVALID_CONFIG', `Invalid consumer configuration: ${name}: ${problem}`, {
    field: name,
  });
}

const parseInteger = (text: string, least: number): number | undefined =>
  /^-?\d{1,15}$/.test(text) && Number(text) >= least ? Number(text) : undefined;

function parseBoolean(text: string): boolean | undefined {
  if (/^true$/i.test(text)) return true;
  return /^false$/i.test(text) ? false : undefined;
}

function parseReset(text: string): OffsetReset | undefined {
  const name = text.toLowerCase();
  if (name === 'earliest' || name === 'latest') return name;
  if (name === 'none') return 'error';
  const byDurationMs = parseDuration(/^by_duration:(.*)$/i.exec(text)?.[1] ?? '');
  return byDurationMs === undefined ? undefined : { byDurationMs };
}
