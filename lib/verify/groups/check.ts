import { MAX_VIOLATIONS, type PropertyReport } from '../history.ts';
import { positionsAreLinearizable, positionsAreMovedByOwners } from './committed.ts';
import {
  commitsPassWhatWasGiven,
  everythingIsGiven,
  pollsGiveAllRecords,
  repeatsGiveTheSame,
} from './given.ts';
import { type Check, groupsOf } from './group.ts';
import type { GroupHistory } from './history.ts';
import { oneOwnerPerEpoch, onlyOwnersRead } from './ownership.ts';
import { membersStay, nobodyIsFencedWrongly, replacedAreRefused } from './refusals.ts';
import { groupsComeToRest } from './rest.ts';

const properties: readonly (readonly [string, Check])[] = [
  ['a partition has one owner per epoch', oneOwnerPerEpoch],
  ['only the owner of a partition reads it', onlyOwnersRead],
  ['a committed position is moved only by its owner', positionsAreMovedByOwners],
  ['committed positions are linearizable', positionsAreLinearizable],
  ['a commit passes only what was given', commitsPassWhatWasGiven],
  ['every record is given to some member', everythingIsGiven],
  ['a poll gives all records of its ranges', pollsGiveAllRecords],
  ['a repeated poll gives the same records', repeatsGiveTheSame],
  ['no member is refused wrongly', nobodyIsFencedWrongly],
  ['an instance whose name is another’s is refused', replacedAreRefused],
  ['a member that calls is not put out', membersStay],
  ['a stable group comes to rest', groupsComeToRest],
];

/** One report per property, always in the same order. */
export function checkGroups(history: GroupHistory): PropertyReport[] {
  const groups = groupsOf(history);
  return properties.map(([property, check]) => {
    const violations: string[] = [];
    let checked = 0;
    for (const group of groups) {
      checked += check(group, (line) => {
        if (violations.length < MAX_VIOLATIONS) violations.push(`${group.id}: ${line}`);
      });
    }
    return { property, checked, violations };
  });
}
