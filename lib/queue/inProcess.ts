import type { Queue } from './queue.ts';

export interface InProcessQueue extends Queue {
  /** The next message, in the order in which they were sent; `undefined` if none waits. */
  take(): string | undefined;
  /** To be told when messages have come. */
  onSent(listener: () => void): void;
}

/** A queue for the local cluster. What waits in it when the process ends is still due. */
export function createInProcessQueue(): InProcessQueue {
  const messages = new Set<string>();
  let sent = () => {};
  return {
    async send(more) {
      for (const message of more) messages.add(message);
      sent();
    },
    waiting: async () => messages.size,
    take() {
      const [message] = messages;
      if (message !== undefined) messages.delete(message);
      return message;
    },
    onSent(listener) {
      sent = listener;
    },
  };
}
