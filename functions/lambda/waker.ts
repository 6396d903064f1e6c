import { createTopics } from '../../lib/topic/topics.ts';
import { createHandler } from '../waker.ts';
import { lambdaInvoke } from './invoke.ts';
import { opened } from './open.ts';

export const handler = opened(
  (wadi) => createHandler(wadi, { invoke: lambdaInvoke() }),
  { topics: createTopics },
  // The functions that it calls work at home.
  { elsewhere: 0 },
);
