import { WadiError } from '../errors.ts';
import type { GroupLimits } from './limits.ts';

/** Whether a group or a member can have the name: it is part of a key of the store, and of a URL, which takes `.` and `..` for itself. */
export function isName(name: string, { nameBytes }: GroupLimits): boolean {
  const isSize = name !== '' && Buffer.byteLength(name) <= nameBytes;
  return isSize && name.isWellFormed() && name !== '.' && name !== '..';
}

/** Throws INVALID_GROUP_ID. `field`: as the caller has it. */
export function requireGroupId(groupId: string, limits: GroupLimits, field: string): void {
  if (isName(groupId, limits)) return;
  throw new WadiError('INVALID_GROUP_ID', `A group's name has ${expected(limits)}.`, { field });
}

/** Throws INVALID_REQUEST. */
export function requireMemberName(name: string, limits: GroupLimits): void {
  if (isName(name, limits)) return;
  throw new WadiError('INVALID_REQUEST', `An instance's name has ${expected(limits)}.`, { field: 'name' });
}

const expected = ({ nameBytes }: GroupLimits): string =>
  `1 to ${nameBytes} bytes of well-formed text, and is neither '.' nor '..'`;
