import { type Client, pause } from './clients/client.ts';
import { limitsOf } from './clients/keeper.ts';
import { haveScrubbed, lookAtRegions } from './clients/regionKeeper.ts';

/** Turns of maintenance within which every region is in sync again. */
const ROUNDS = 3;

/** When nothing fails any more, maintenance brings every region back, and each is given what it lacks. */
export async function bringRegionsBack(client: Client, clocksApartMs: number): Promise<void> {
  const { rejoinMs } = client.regionsPlan!.limits;
  const { runMs, leaseMs } = limitsOf(client);
  // What nobody noted is looked at, too.
  await haveScrubbed(client, client.anyProcess());
  for (let round = 0; round < ROUNDS; round++) {
    await lookAtRegions(client, client.anyProcess());
    // By then nobody holds it up who has died or failed.
    await pause(client, 3 * rejoinMs + runMs + leaseMs + clocksApartMs);
  }
}
