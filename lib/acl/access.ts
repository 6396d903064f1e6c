import { type KafkaErrorName, WadiError } from '../errors.ts';
import type { AclOperation, Resource, ResourceType } from './binding.ts';
import { type AclIndex, type AuthorizerOptions, type Caller, isAllowed } from './decide.ts';

/** What a caller may do. */
export interface Access {
  readonly principal: string;
  allows(operation: AclOperation, resource: Resource): boolean;
  /** Throws TOPIC_, GROUP_ or CLUSTER_AUTHORIZATION_FAILED, which tells nothing of whether the resource is there. */
  require(operation: AclOperation, resource: Resource, field?: string): void;
}

export function accessOf(index: AclIndex, authorizer: AuthorizerOptions, caller: Caller): Access {
  const allows: Access['allows'] = (operation, resource) =>
    isAllowed(index, authorizer, caller, operation, resource);
  return {
    principal: caller.principal,
    allows,
    require(operation, resource, field) {
      if (!allows(operation, resource)) throw denied(caller.principal, operation, resource, field);
    },
  };
}

const ERRORS: Readonly<Partial<Record<ResourceType, KafkaErrorName>>> = {
  TOPIC: 'TOPIC_AUTHORIZATION_FAILED',
  GROUP: 'GROUP_AUTHORIZATION_FAILED',
};

export function denied(
  principal: string,
  operation: AclOperation,
  { type, name }: Resource,
  field?: string,
): WadiError {
  const kind = type.toLowerCase();
  const message = `${principal} is not allowed ${operation} on ${type === 'CLUSTER' ? 'the cluster' : `${kind} '${name}'`}.`;
  const error = ERRORS[type] ?? 'CLUSTER_AUTHORIZATION_FAILED';
  return new WadiError(error, message, field === undefined ? {} : { field });
}

/** Of the cluster itself. */
export const FULL_ACCESS: Access = { principal: '', allows: () => true, require: () => {} };
