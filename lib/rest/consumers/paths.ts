import * as Type from '@sinclair/typebox/type';
import type { MemberName } from '../../group/groups.ts';
import type { HttpRequest } from '../operation.ts';
import { paramsReader } from '../request.ts';

/** REST Proxy v2's and Strimzi Bridge's paths of consumers, which name no cluster. */
export const GROUP = '/consumers/{group_name}';
export const INSTANCE = `${GROUP}/instances/{instance}`;

const groupName = Type.String({ description: 'The ID of the consumer group.' });
export const GroupParams = Type.Object({ group_name: groupName });
export const InstanceParams = Type.Object({
  group_name: groupName,
  instance: Type.String({
    description:
      'The name of the consumer instance, as it was given or answered. With the header `Wadi-Member-Id`, as it was answered to the creation of the instance, a call is refused (409, 40910) once another has taken the name; without, it is of whoever has the name.',
  }),
});

/** Which incarnation of an instance's name it is: answered by its creation, and sent with its calls. */
export const MEMBER_ID_HEADER = 'wadi-member-id';

const instanceParams = paramsReader(InstanceParams);

export function memberName(request: HttpRequest): MemberName {
  const { group_name, instance } = instanceParams(request);
  const { [MEMBER_ID_HEADER]: memberId } = request.headers;
  return { groupId: group_name, name: instance, ...(memberId && { memberId }) };
}

export const instanceUrl = (baseUrl: string, { groupId, name }: MemberName): string =>
  `${baseUrl}/consumers/${encodeURIComponent(groupId)}/instances/${encodeURIComponent(name)}`;

export const tag = 'Consumers (v2)';
