import type { DynamoDBStreamEvent } from 'aws-lambda';
import { atOnce } from '../lib/atOnce.ts';
import { WadiError } from '../lib/errors.ts';
import { topicOfHead } from '../lib/log/head.ts';
import { logError } from '../lib/logError.ts';
import type { ApplicationDescription } from '../lib/streams/registry/describeApplication.ts';
import { createRegistry } from '../lib/streams/registry/registry.ts';
import type { Wadi } from '../lib/wadi.ts';

/** The event of a table's stream, as far as it is read here. */
export interface ChangeEvent {
  readonly Records: readonly Pick<DynamoDBStreamEvent['Records'][number], 'dynamodb'>[];
}

export interface WakerOptions {
  /** Has a function run, without waiting for it; false: there is none of that name that may be called. */
  readonly invoke: (functionName: string) => Promise<boolean>;
}

/** For so long nobody is asked which applications there are: each brings all of its description. */
const KNOWN_FOR_MS = 10_000;
const MAX_APPLICATIONS = 1_000;
const AT_ONCE = 8;

/**
 * Called with changes of heads: calls the function of each application that reads a topic of theirs, once. One that cannot be called is logged, and holds
 * up no other. Rejects if another call may help, for the changes to be handed over again: whoever is called twice finds nothing the second time. It need not be
 * told of every change, since the clock calls the functions, too.
 */
export function createHandler(
  { storage, topics, clock }: Pick<Wadi, 'storage' | 'topics' | 'clock'>,
  { invoke }: WakerOptions,
) {
  const registry = createRegistry(storage.groups, clock);
  let known: { applications: readonly ApplicationDescription[]; readAtMs: number } | undefined;
  /** Once, and not with each change. */
  const missing = new Set<string>();

  async function applications(): Promise<readonly ApplicationDescription[]> {
    if (known === undefined || Math.abs(clock.now() - known.readAtMs) >= KNOWN_FOR_MS) {
      const readAtMs = clock.now();
      known = { applications: await registry.list({ limit: MAX_APPLICATIONS }), readAtMs };
    }
    return known.applications;
  }

  /** `undefined`: there is none of that name. */
  async function topicId(name: string): Promise<string | undefined> {
    try {
      return (await topics.lookup(name)).id;
    } catch (error) {
      if (error instanceof WadiError && error.kafka === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw error;
    }
  }

  /** Whether it was called. */
  async function call(functionName: string): Promise<boolean> {
    const isThere = await invoke(functionName);
    if (isThere) missing.delete(functionName);
    else if (!missing.has(functionName)) {
      missing.add(functionName);
      logError(new Error(`The function ${functionName} is not there, or does not let itself be called.`));
    }
    return isThere;
  }

  /** How many functions it has called. */
  return async ({ Records }: ChangeEvent): Promise<number> => {
    const changed = new Set(Records.map(({ dynamodb }) => topicOfHead({ pk: dynamodb?.Keys?.pk?.S ?? '' })));
    const woken = new Set<string>();
    for (const { functionName, subtopologies } of await applications()) {
      if (functionName === undefined) continue;
      const names = [...new Set(subtopologies.flatMap((each) => each.topics))];
      const ids = await atOnce(names, AT_ONCE, topicId);
      if (ids.some((id) => id !== undefined && changed.has(id))) woken.add(functionName);
    }
    let called = 0;
    let failed = 0;
    await atOnce([...woken], AT_ONCE, async (functionName) => {
      try {
        if (await call(functionName)) called++;
      } catch (error) {
        failed++;
        logError(error);
      }
    });
    if (failed > 0) throw new Error(`${failed} of ${woken.size} functions could not be called`);
    return called;
  };
}
