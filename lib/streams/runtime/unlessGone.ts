import { WadiError } from '../../errors.ts';

/** `undefined` where the topic that it is about is not there. */
export async function unlessGone<T>(asked: Promise<T>): Promise<T | undefined> {
  return asked.catch((error) => {
    if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  });
}
