import { KAFKA_ERRORS, type KafkaErrorName, WadiError } from '../errors.ts';
import { logError } from '../logError.ts';
import { StorageError } from '../storage/ports.ts';
import type { HttpResponse, Operation } from './operation.ts';

export type ErrorForm = Operation['form'];

/** HTTP status and `error_code`. */
type Answer = readonly [status: number, errorCode: number];

const badRequest = { v3: [400, 40002], v2: [400, 40002] } as const;
/** REST Proxy v2's 42204: an invalid consumer configuration. Of v2, nothing but consumers has configs to set. */
const badConfig = { v3: [400, 40002], v2: [422, 42204] } as const;
const badRecord = { v3: [400, 40002], v2: [422, 42203] } as const;
/** REST Proxy's 40301: what Kafka's authorizer refuses. */
const forbidden = { v3: [403, 40301], v2: [403, 40301] } as const;
const retriable = { v3: [503, 50003], v2: [503, 50003] } as const;

/**
 * What each Kafka error is over HTTP. The codes are those of REST Proxy: v3's are in the error responses of
 * https://github.com/confluentinc/kafka-rest/blob/master/api/v3/openapi.yaml, v2's in
 * https://docs.confluent.io/platform/current/kafka-rest/api.html#errors. Where REST Proxy has none, the HTTP status
 * is RFC 9110's closest and the code continues it (41601, 40901).
 */
const ANSWERS: Readonly<Record<KafkaErrorName, { readonly v3: Answer; readonly v2: Answer }>> = {
  UNKNOWN_SERVER_ERROR: { v3: [500, 50002], v2: [500, 50002] },
  OFFSET_OUT_OF_RANGE: { v3: [416, 41601], v2: [416, 41601] },
  CORRUPT_MESSAGE: badRecord,
  UNKNOWN_TOPIC_OR_PARTITION: { v3: [404, 40403], v2: [404, 40401] },
  REQUEST_TIMED_OUT: retriable,
  MESSAGE_TOO_LARGE: { v3: [413, 413], v2: [413, 413] },
  OFFSET_METADATA_TOO_LARGE: badRequest,
  INVALID_TOPIC_EXCEPTION: badRequest,
  NOT_ENOUGH_REPLICAS: retriable,
  INVALID_REQUIRED_ACKS: badRequest,
  INVALID_GROUP_ID: badRequest,
  UNKNOWN_MEMBER_ID: { v3: [404, 40403], v2: [404, 40403] },
  INVALID_SESSION_TIMEOUT: badConfig,
  INVALID_TIMESTAMP: badRecord,
  TOPIC_AUTHORIZATION_FAILED: forbidden,
  GROUP_AUTHORIZATION_FAILED: forbidden,
  CLUSTER_AUTHORIZATION_FAILED: forbidden,
  UNSUPPORTED_VERSION: badRequest,
  TOPIC_ALREADY_EXISTS: badRequest,
  INVALID_PARTITIONS: badRequest,
  INVALID_REPLICATION_FACTOR: badRequest,
  INVALID_REPLICA_ASSIGNMENT: badRequest,
  INVALID_CONFIG: badConfig,
  INVALID_REQUEST: { v3: [400, 400], v2: [422, 422] },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: badRecord,
  POLICY_VIOLATION: badRequest,
  OUT_OF_ORDER_SEQUENCE_NUMBER: { v3: [409, 40901], v2: [409, 40901] },
  DUPLICATE_SEQUENCE_NUMBER: { v3: [409, 40903], v2: [409, 40903] },
  INVALID_PRODUCER_EPOCH: { v3: [409, 40902], v2: [409, 40902] },
  KAFKA_STORAGE_ERROR: retriable,
  NON_EMPTY_GROUP: { v3: [409, 40906], v2: [409, 40906] },
  GROUP_ID_NOT_FOUND: { v3: [404, 40403], v2: [404, 40405] },
  UNSUPPORTED_COMPRESSION_TYPE: badRecord,
  GROUP_MAX_SIZE_REACHED: { v3: [409, 40907], v2: [409, 40907] },
  FENCED_INSTANCE_ID: { v3: [409, 40910], v2: [409, 40910] },
  GROUP_SUBSCRIBED_TO_TOPIC: { v3: [409, 40908], v2: [409, 40908] },
  INVALID_RECORD: badRecord,
  THROTTLING_QUOTA_EXCEEDED: { v3: [429, 42901], v2: [429, 42901] },
  FENCED_MEMBER_EPOCH: { v3: [409, 40905], v2: [409, 40905] },
  INVALID_FETCH_SESSION_EPOCH: { v3: [409, 40909], v2: [409, 40909] },
  UNRELEASED_INSTANCE_ID: { v3: [409, 40902], v2: [409, 40902] },
  UNSUPPORTED_ASSIGNOR: badConfig,
  INVALID_REGULAR_EXPRESSION: badConfig,
};

/** v2 tells an unknown partition (40402) from an unknown topic (40401); Kafka has one error for both. */
const V2_PARTITION_NOT_FOUND: Answer = [404, 40402];
const PARTITION_FIELD = /(^|\.)partition(_id)?$/;

/** How long a client should wait before it repeats a retriable request. */
const RETRY_AFTER_MS = 1_000;

export interface HttpErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly field?: string | undefined;
  /** The status, unless REST Proxy has a code of its own. */
  readonly errorCode?: number;
  /** What Kafka calls it, where REST Proxy's code depends on the operation. */
  readonly kafka?: KafkaErrorName;
}

/** A refusal that is HTTP's own and that Kafka has no name for: no such path, media type, method, cluster. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly field: string | undefined;
  readonly errorCode: number;
  readonly kafka: KafkaErrorName | undefined;

  constructor(status: number, message: string, options: HttpErrorOptions = {}) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.headers = options.headers ?? {};
    this.field = options.field;
    this.errorCode = options.errorCode ?? status;
    this.kafka = options.kafka;
  }
}

/** The body of every error answer, and of a failed record's report. The first two members are REST Proxy's. */
export interface ErrorBody {
  error_code: number;
  message: string;
  /** Kafka's error code, where Kafka has one. */
  kafka_error_code?: number;
  /** The same request may succeed later. */
  retriable: boolean;
  /** The part of the request that is wrong, as a path: `configs[0].name`. */
  field?: string;
}

export function statusOf(name: KafkaErrorName, form: ErrorForm): number {
  return ANSWERS[name][form][0];
}

/** Of the texts of an error: what it repeats of the request may be as long as that. */
const MAX_TEXT = 1_000;

const shortened = (text: string): string => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text);

/** Status and body for anything thrown. What is not a refusal is logged, and its text stays here. */
export function describeError(
  error: unknown,
  form: ErrorForm,
): { status: number; body: ErrorBody; headers: Readonly<Record<string, string>> } {
  if (error instanceof HttpError) {
    const { errorCode, kafka, field } = error;
    const body: ErrorBody = {
      error_code: errorCode,
      message: shortened(error.message),
      ...(kafka && { kafka_error_code: KAFKA_ERRORS[kafka].code }),
      retriable: false,
    };
    if (field !== undefined) body.field = shortened(field);
    return { status: error.status, body, headers: error.headers };
  }
  if (error instanceof WadiError) {
    const { code, retriable } = KAFKA_ERRORS[error.kafka];
    const [status, errorCode] =
      form === 'v2' &&
      error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION' &&
      error.field !== undefined &&
      PARTITION_FIELD.test(error.field)
        ? V2_PARTITION_NOT_FOUND
        : ANSWERS[error.kafka][form];
    // While regions are lost, whoever asks is told; an alarm tells the operator.
    if (status >= 500 && error.kafka !== 'NOT_ENOUGH_REPLICAS') logError(error);
    const body: ErrorBody = {
      error_code: errorCode,
      message: shortened(error.message),
      kafka_error_code: code,
      retriable,
    };
    if (error.field !== undefined) body.field = shortened(error.field);
    const retryAfter = Math.ceil((error.retryAfterMs ?? RETRY_AFTER_MS) / 1_000);
    return { status, body, headers: retriable ? { 'retry-after': String(retryAfter) } : {} };
  }
  if (error instanceof StorageError) {
    const message = 'The storage did not answer; try again.';
    return describeError(new WadiError('KAFKA_STORAGE_ERROR', message, { cause: error }), form);
  }
  logError(error);
  const body: ErrorBody = {
    error_code: 500,
    message: 'Internal Server Error',
    kafka_error_code: KAFKA_ERRORS.UNKNOWN_SERVER_ERROR.code,
    retriable: false,
  };
  return { status: 500, body, headers: {} };
}

const ERROR_TYPES = { v3: 'application/json', v2: 'application/vnd.kafka.v2+json' } as const;

export function errorResponse(error: unknown, form: ErrorForm): HttpResponse {
  const { status, body, headers } = describeError(error, form);
  return {
    status,
    headers: { 'content-type': ERROR_TYPES[form], ...headers },
    body: JSON.stringify(body),
  };
}
