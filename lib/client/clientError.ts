import { KAFKA_ERRORS, type KafkaErrorName } from '../errors.ts';

export interface ClientErrorOptions {
  /** UNKNOWN_SERVER_ERROR for what Kafka has no name for: then the status says more. */
  readonly kafka: KafkaErrorName;
  /** HTTP's; 0 if no answer came. */
  readonly status?: number;
  /** By Kafka's table, unless the answer says otherwise. */
  readonly retriable?: boolean;
  /** `refused`: nothing was changed. `unknown`: what was asked for may have been done, or may be done yet. */
  readonly outcome: 'refused' | 'unknown';
  /** The part of the request that is wrong. */
  readonly field?: string | undefined;
  /** How long the server asks to wait before the request is repeated. */
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

/** Every failure of the client, but for those of an AbortSignal: they are the signal's reason. */
export class ClientError extends Error {
  readonly kafka: KafkaErrorName;
  /** Kafka's code of the error. */
  readonly code: number;
  readonly status: number;
  readonly retriable: boolean;
  readonly outcome: 'refused' | 'unknown';
  readonly field: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(message: string, options: ClientErrorOptions) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ClientError';
    this.kafka = options.kafka;
    this.code = KAFKA_ERRORS[options.kafka].code;
    this.status = options.status ?? 0;
    this.retriable = options.retriable ?? KAFKA_ERRORS[options.kafka].retriable;
    this.outcome = options.outcome;
    this.field = options.field;
    this.retryAfterMs = options.retryAfterMs;
  }
}

export function isKafkaError(error: unknown, name: KafkaErrorName): error is ClientError {
  return error instanceof ClientError && error.kafka === name;
}

/** A refusal by the client itself: nothing was sent. */
export function refusal(kafka: KafkaErrorName, message: string, field?: string): ClientError {
  return new ClientError(message, { kafka, field, outcome: 'refused', retriable: false });
}

/** The same, where an attempt before this one may have been carried out. */
export function ofUnknownOutcome(error: ClientError): ClientError {
  return error.outcome === 'unknown'
    ? error
    : new ClientError(error.message, { ...error, outcome: 'unknown', cause: error.cause });
}

const NAMES = new Map<number, KafkaErrorName>(
  Object.entries(KAFKA_ERRORS).map(([name, { code }]) => [code, name as KafkaErrorName]),
);

export function kafkaName(code: unknown): KafkaErrorName {
  return NAMES.get(code as number) ?? 'UNKNOWN_SERVER_ERROR';
}
