/**
 * Kafka's error codes, by Kafka's names (https://kafka.apache.org/protocol#protocol_error_codes). `retriable`: the
 * same request may succeed later. Kafka also retries 2 and 3, for its bit rot on the wire and its stale metadata;
 * Wadi's answers to those do not change by asking again.
 */
export const KAFKA_ERRORS = {
  UNKNOWN_SERVER_ERROR: { code: -1, retriable: false },
  OFFSET_OUT_OF_RANGE: { code: 1, retriable: false },
  CORRUPT_MESSAGE: { code: 2, retriable: false },
  UNKNOWN_TOPIC_OR_PARTITION: { code: 3, retriable: false },
  REQUEST_TIMED_OUT: { code: 7, retriable: true },
  MESSAGE_TOO_LARGE: { code: 10, retriable: false },
  OFFSET_METADATA_TOO_LARGE: { code: 12, retriable: false },
  INVALID_TOPIC_EXCEPTION: { code: 17, retriable: false },
  NOT_ENOUGH_REPLICAS: { code: 19, retriable: true },
  INVALID_REQUIRED_ACKS: { code: 21, retriable: false },
  INVALID_GROUP_ID: { code: 24, retriable: false },
  UNKNOWN_MEMBER_ID: { code: 25, retriable: false },
  INVALID_SESSION_TIMEOUT: { code: 26, retriable: false },
  INVALID_TIMESTAMP: { code: 32, retriable: false },
  TOPIC_AUTHORIZATION_FAILED: { code: 29, retriable: false },
  GROUP_AUTHORIZATION_FAILED: { code: 30, retriable: false },
  CLUSTER_AUTHORIZATION_FAILED: { code: 31, retriable: false },
  UNSUPPORTED_VERSION: { code: 35, retriable: false },
  TOPIC_ALREADY_EXISTS: { code: 36, retriable: false },
  INVALID_PARTITIONS: { code: 37, retriable: false },
  INVALID_REPLICATION_FACTOR: { code: 38, retriable: false },
  INVALID_REPLICA_ASSIGNMENT: { code: 39, retriable: false },
  INVALID_CONFIG: { code: 40, retriable: false },
  INVALID_REQUEST: { code: 42, retriable: false },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { code: 43, retriable: false },
  POLICY_VIOLATION: { code: 44, retriable: false },
  OUT_OF_ORDER_SEQUENCE_NUMBER: { code: 45, retriable: false },
  DUPLICATE_SEQUENCE_NUMBER: { code: 46, retriable: false },
  INVALID_PRODUCER_EPOCH: { code: 47, retriable: false },
  KAFKA_STORAGE_ERROR: { code: 56, retriable: true },
  NON_EMPTY_GROUP: { code: 68, retriable: false },
  GROUP_ID_NOT_FOUND: { code: 69, retriable: false },
  INVALID_FETCH_SESSION_EPOCH: { code: 71, retriable: false },
  UNSUPPORTED_COMPRESSION_TYPE: { code: 76, retriable: false },
  GROUP_MAX_SIZE_REACHED: { code: 81, retriable: false },
  FENCED_INSTANCE_ID: { code: 82, retriable: false },
  GROUP_SUBSCRIBED_TO_TOPIC: { code: 86, retriable: false },
  INVALID_RECORD: { code: 87, retriable: false },
  THROTTLING_QUOTA_EXCEEDED: { code: 89, retriable: true },
  FENCED_MEMBER_EPOCH: { code: 110, retriable: false },
  UNRELEASED_INSTANCE_ID: { code: 111, retriable: false },
  UNSUPPORTED_ASSIGNOR: { code: 112, retriable: false },
  INVALID_REGULAR_EXPRESSION: { code: 128, retriable: false },
} as const satisfies Record<string, { code: number; retriable: boolean }>;

export type KafkaErrorName = keyof typeof KAFKA_ERRORS;

/** A refusal with a meaning for the caller. `field` names the part of the request that is wrong, if one is. */
export class WadiError extends Error {
  readonly kafka: KafkaErrorName;
  readonly field: string | undefined;
  /** When the same request is worth another try; `undefined`: soon, if it is retriable. */
  readonly retryAfterMs: number | undefined;

  constructor(
    kafka: KafkaErrorName,
    message: string,
    options: { field?: string; cause?: unknown; retryAfterMs?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'WadiError';
    this.kafka = kafka;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }

  get code(): number {
    return KAFKA_ERRORS[this.kafka].code;
  }

  get retriable(): boolean {
    return KAFKA_ERRORS[this.kafka].retriable;
  }
}
