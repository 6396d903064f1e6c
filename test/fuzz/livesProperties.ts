import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import type { HttpEvent } from '../../functions/handler.ts';
import { embeddedStorage } from '../../lib/storage/embedded/embedded.ts';
import { checkAnswer } from './answers.ts';
import { checkForgotten } from './memory.ts';
import { fuzz, type Property } from './property.ts';
import { anySent, succeed } from './routeProperties.ts';
import { CLUSTER_ID, roundTrip, startService } from './service.ts';

/** What a service holds that lives on, and has hundreds of requests behind it. */

const PARTS = 3;
const REQUESTS = 600;

/** From which all its requests are made: fewer would tell less. */
interface Life {
  readonly seed: number;
}

export const livesProperty: Property<Life> = {
  name: 'lives',
  share: 2,
  cases: 1,
  inputs: fc.record({ seed: fc.noShrink(fc.nat()) }),
  show: ({ seed }) => `${REQUESTS} requests made from ${seed}`,
  check: checkLife,
};

/** It rests on files, so that what it stores is not in its memory. */
export async function checkLife({ seed }: Life): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'wadi-fuzz-'));
  const storage = embeddedStorage({ directory, fsync: false });
  try {
    const service = await startService(storage);
    const all = fc.sample(anySent, { seed, numRuns: REQUESTS });
    await checkForgotten(all, PARTS, async ({ request, bent }) => {
      const event: HttpEvent = { ...service.event(request), ...bent };
      checkAnswer(await service.call(event), service.operationOf(event));
    });
    assert(!('polluted' in {}), 'Object.prototype was changed');
    await roundTrip((request) => succeed(service, request), CLUSTER_ID);
  } finally {
    await storage.close();
    await rm(directory, { recursive: true });
  }
}

export const livesFuzzes = [fuzz(livesProperty)];
