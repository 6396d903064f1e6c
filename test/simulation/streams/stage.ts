import type { Wadi } from '../../../lib/wadi.ts';
import type { Cloud } from '../cloud.ts';
import type { Weather } from '../faults.ts';
import type { Random } from '../random.ts';
import type { World } from '../world.ts';
import type { Read } from './reading.ts';

/** What those who take part in a history share. */
export interface Stage {
  readonly world: World;
  readonly cloud: Cloud;
  readonly weather: Weather;
  readonly random: Random;
  /** On storage that never fails. */
  readonly whole: Wadi;
  /** Outputs, as somebody has seen them at some time, by topic. */
  readonly seen: (Read & { readonly topic: string })[];
  /** How many lines and moods there were: each has its number. */
  said: number;
  readonly unexpected: string[];
}

export const sleep = ({ world }: Pick<Stage, 'world'>, ms: number): Promise<void> =>
  new Promise((resolve) => world.after(ms, resolve));
