import { sqsQueue } from '../../lib/queue/sqs.ts';
import { createHandler } from '../planner.ts';
import { opened } from './open.ts';
import { logger } from './telemetry.ts';

export const handler = opened(
  (wadi) => {
    const plan = createHandler(wadi);
    return async (_event: unknown) => {
      const planned = await plan();
      logger.info('plan', { ...planned });
      return planned;
    };
  },
  { queue: sqsQueue },
  { elsewhere: { sent: 0 } },
);
