import type { AssignorName } from '../groups.ts';
import type { Parts } from '../parts.ts';
import type { Assignor, Situation } from './assignment.ts';
import { load } from './load.ts';
import { range } from './range.ts';
import { uniform } from './uniform.ts';

const ASSIGNORS: Readonly<Record<AssignorName, Assignor>> = { uniform, range, load };

/** Who is to have which partitions. */
export function assign(assignor: AssignorName, situation: Situation): Map<string, Parts> {
  return ASSIGNORS[assignor](situation);
}
