import { DUE_PK, lastDueSk, parseDueKey, REPLICATION_UNIT } from '../../../lib/log/due.ts';
import { ensureScrubDue } from '../../../lib/replication/rejoinDue.ts';
import type { Wadi } from '../../../lib/wadi.ts';
import type { Process } from '../process.ts';
import { type Client, jobProcesses, pause } from './client.ts';
import { workOn } from './keeper.ts';

/** Times in a row that work on the regions is handed on. */
const MOST_TURNS = 400;
/** A worker that is not done by so much later is not waited for. */
const LATE_MS = 5_000;

/** Has workers look at regions that are out when they are due, and now and then, as the sweep does, at all of them; until `isOver`. */
export async function regionKeeper(client: Client, isOver: () => boolean): Promise<void> {
  const { random, regionsPlan } = client;
  const { rejoinMs } = regionsPlan!.limits;
  while (!isOver()) {
    await pause(client, random.between(rejoinMs >> 1, 2 * rejoinMs));
    if (random.chance(0.1)) await haveScrubbed(client, client.jobProcess());
    await Promise.all(jobProcesses(client).map((process) => lookAtRegions(client, process)));
  }
}

/** Makes a comparison of all regions due. */
export async function haveScrubbed({ recorder }: Client, process: Process): Promise<void> {
  const answer = await process.serve(({ storage, clock }) => ensureScrubDue(storage.log, clock));
  if (answer.is === 'error') recorder.failure(answer.error);
}

/** Does what is due of them. */
export async function lookAtRegions(client: Client, process: Process): Promise<void> {
  const answer = await process.serve(dueOfRegions);
  if (answer.is === 'error') client.recorder.failure(answer.error);
  if (answer.is !== 'ok') return;
  const timeoutMs = client.regionsPlan!.runMs + LATE_MS;
  for (const message of answer.value) {
    for (let turn = 0; turn < MOST_TURNS; turn++) {
      if ((await workOn(client, process, message, timeoutMs))?.outcome !== 'more') break;
    }
  }
}

async function dueOfRegions({ storage, clock }: Wadi): Promise<string[]> {
  const query = { pk: DUE_PK, to: lastDueSk(clock.now()), limit: 1_000 };
  const { items } = await storage.log.query(query);
  return items.map(({ sk }) => sk).filter((sk) => parseDueKey({ sk }).unit === REPLICATION_UNIT);
}
