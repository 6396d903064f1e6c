import type { KafkaErrorName } from '../../errors.ts';
import { WadiError } from '../../errors.ts';
import { HttpError } from '../errors.ts';

/** REST Proxy's 40903: what Kafka's consumer throws as IllegalStateException. */
export function illegalState(message: string, kafka: KafkaErrorName, field?: string): HttpError {
  return new HttpError(409, `Illegal state: ${message}`, { errorCode: 40903, kafka, field });
}

/** Runs a call of which an error by that name tells that the instance is not in a state for it. */
export async function withState<T>(kafka: KafkaErrorName, run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof WadiError && error.kafka === kafka) {
      throw illegalState(error.message, kafka, error.field);
    }
    throw error;
  }
}
