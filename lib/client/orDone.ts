import { type ClientError, isKafkaError } from './clientError.ts';

/**
 * What is refused because it is so already, after an attempt that nobody answered, was done by that attempt: or by somebody
 * else at the same time, which its caller could not tell from having come just before.
 */
export async function orDone<T>(
  call: () => Promise<T>,
  already: ClientError['kafka'],
  found: (error: ClientError) => Promise<T>,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (isKafkaError(error, already) && error.outcome === 'unknown') return found(error);
    throw error;
  }
}
