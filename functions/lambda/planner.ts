import { sqsQueue } from '../../lib/queue/sqs.ts';
import { createHandler } from '../planner.ts';
import { opened } from './open.ts';

export const handler = opened(
  (wadi) => {
    const plan = createHandler(wadi);
    return async (_event: unknown) => {
      const planned = await plan();
      console.log(JSON.stringify({ level: 'info', message: 'plan', ...planned }));
      return planned;
    };
  },
  { queue: sqsQueue },
);
