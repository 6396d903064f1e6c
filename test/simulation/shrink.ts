import { LIMITS } from '../../lib/log/limits.ts';
import { MAINTENANCE_LIMITS, type MaintenanceLimits } from '../../lib/maintenance/limits.ts';
import { ALL_FAULTS } from './faults.ts';
import { play, type Run, violated } from './run.ts';
import type { ClientPlan, Scenario } from './scenario.ts';

/** A smaller scenario is tried with so many seeds, since with another number of events chance falls elsewhere. */
const SEEDS_PER_ATTEMPT = 6;

/** The smallest scenario that can be found in the given time in which the same property is violated, and its run. */
export async function shrink(
  failing: Scenario,
  property: string,
  untilMs: number,
): Promise<{ scenario: Scenario; run: Run }> {
  let scenario = failing;
  let run = await play(failing);
  for (let smaller = true; smaller && Date.now() < untilMs; ) {
    smaller = false;
    for (const candidate of candidates(scenario)) {
      const found = await failingRun(candidate, property, untilMs);
      if (found === undefined || found.run.history.operations.length > run.history.operations.length)
        continue;
      ({ scenario, run } = found);
      smaller = true;
      break;
    }
  }
  return { scenario, run };
}

async function failingRun(scenario: Scenario, property: string, untilMs: number) {
  for (let i = 0; i < SEEDS_PER_ATTEMPT && Date.now() < untilMs; i++) {
    const attempt = { ...scenario, seed: scenario.seed + i * 1_000_003 };
    const run = await play(attempt);
    if (violated(run).some((report) => report.property === property)) return { scenario: attempt, run };
  }
  return undefined;
}

/** Each a little simpler than the scenario, the ones that take most away first. */
function* candidates(scenario: Scenario): Generator<Scenario> {
  const { clients, faults, processes, topics, limits, upkeep, regions } = scenario;
  for (const client of clients) yield { ...scenario, clients: clients.filter((other) => other !== client) };
  for (const fault of ALL_FAULTS) {
    if (faults[fault] === undefined) continue;
    const { [fault]: _, ...others } = faults;
    yield { ...scenario, faults: others };
  }
  for (const outage of regions?.outages ?? []) {
    const outages = regions!.outages.filter((other) => other !== outage);
    yield { ...scenario, regions: { ...regions!, outages } };
  }
  for (const fewer of [(n: number) => n >> 1, (n: number) => n - 1]) {
    for (const client of clients) {
      const operations = fewer(client.operations);
      if (operations > 0)
        yield { ...scenario, clients: replaced(clients, client, { ...client, operations }) };
    }
  }
  for (const client of clients) {
    if (client.inFlight > 1)
      yield { ...scenario, clients: replaced(clients, client, { ...client, inFlight: 1 }) };
  }
  if (scenario.restFactor > 1) yield { ...scenario, restFactor: 1 };
  const { workers, ...withoutWorkers } = scenario;
  if (workers !== undefined) yield withoutWorkers;
  if (processes > 1) yield { ...scenario, processes: processes - 1 };
  if (topics.some(({ partitions }) => partitions > 1)) {
    yield { ...scenario, topics: topics.map((topic) => ({ ...topic, partitions: 1 })) };
  }
  for (const name of Object.keys(LIMITS) as (keyof typeof LIMITS)[]) {
    if (limits[name] !== LIMITS[name]) yield { ...scenario, limits: { ...limits, [name]: LIMITS[name] } };
  }
  for (const [name, limit] of Object.entries(upkeep === undefined ? {} : MAINTENANCE_LIMITS)) {
    if (upkeep!.limits[name as keyof MaintenanceLimits] !== limit)
      yield { ...scenario, upkeep: { ...upkeep!, limits: { ...upkeep!.limits, [name]: limit } } };
  }
}

function replaced(clients: readonly ClientPlan[], old: ClientPlan, by: ClientPlan): ClientPlan[] {
  return clients.map((client) => (client === old ? by : client));
}
