import type { Static, TSchema } from '@sinclair/typebox';
import * as Type from '@sinclair/typebox/type';
import {
  ACL_OPERATIONS,
  type AclBinding,
  type AclFilter,
  CLUSTER_NAME,
  PATTERN_TYPES,
  PERMISSIONS,
  RESOURCE_TYPES,
} from '../../acl/binding.ts';
import { HttpError } from '../errors.ts';
import type { HttpResponse, Operation } from '../operation.ts';
import { CLUSTER, ClusterParams } from '../paths.ts';
import { jsonReader, queryReader } from '../request.ts';
import { JSON_TYPE, json } from '../response.ts';
import { clusterPlace, list, listSchema, type Place, resourceSchema } from './resource.ts';

const ACLS = `${CLUSTER}/acls`;
const KIND = 'KafkaAcl';
/** Of a principal, a host, a name: as long as a topic's, or an IAM role's ARN. */
const MAX_LENGTH = 255;
const MAX_BATCH = 1_000;

const oneOf = <T extends string>(values: readonly T[], description: string) =>
  Type.Union(
    values.map((value) => Type.Literal(value)),
    { description },
  );
const text = (description: string) => Type.String({ minLength: 1, maxLength: MAX_LENGTH, description });

const NewAcl = Type.Object(
  {
    resource_type: oneOf(RESOURCE_TYPES, 'What it is about.'),
    resource_name: text('Its name, or a prefix of names; `*` for all; of the cluster, `kafka-cluster`.'),
    pattern_type: oneOf(PATTERN_TYPES, 'Whether that is a name or a prefix.'),
    principal: text('`User:<name>`; `User:*` is everyone.'),
    host: text('The address that the caller comes from; `*` is any.'),
    operation: oneOf(ACL_OPERATIONS, 'READ, WRITE, DELETE and ALTER include DESCRIBE.'),
    permission: oneOf(PERMISSIONS, 'DENY wins.'),
  },
  { title: 'CreateAclRequest', additionalProperties: false },
);
const NewAcls = Type.Object(
  { data: Type.Array(NewAcl, { minItems: 1, maxItems: MAX_BATCH }) },
  { title: 'CreateAclsRequest', additionalProperties: false },
);

/** `ANY` is as good as to leave it out. */
const withAny = <T extends string>(values: readonly T[]) =>
  oneOf([...values, 'ANY'], 'Only those; ANY if absent.');
const PATTERNS = oneOf(
  [...PATTERN_TYPES, 'ANY' as const, 'MATCH' as const],
  'Only those; MATCH: all that have a say in the resource of that name.',
);
const SearchQuery = Type.Object({
  resource_type: Type.Optional(withAny(RESOURCE_TYPES)),
  resource_name: Type.Optional(Type.String({ description: 'Only those of this name or prefix.' })),
  pattern_type: Type.Optional(PATTERNS),
  principal: Type.Optional(Type.String()),
  host: Type.Optional(Type.String()),
  operation: Type.Optional(withAny(ACL_OPERATIONS)),
  permission: Type.Optional(withAny(PERMISSIONS)),
});
/** To delete everything must be asked for: ANY, in words. */
const DeleteQuery = Type.Object({
  ...SearchQuery.properties,
  resource_type: withAny(RESOURCE_TYPES),
  pattern_type: PATTERNS,
  operation: withAny(ACL_OPERATIONS),
  permission: withAny(PERMISSIONS),
});

const Acl = resourceSchema(KIND, {
  cluster_id: Type.String(),
  resource_type: Type.String(),
  resource_name: Type.String(),
  pattern_type: Type.String(),
  principal: Type.String(),
  host: Type.String(),
  operation: Type.String(),
  permission: Type.String(),
});

type NewAcl = Static<typeof NewAcl>;

/** As the API has it. */
function worded(binding: AclBinding): NewAcl {
  return {
    resource_type: binding.resourceType,
    resource_name: binding.resourceName,
    pattern_type: binding.patternType,
    principal: binding.principal,
    host: binding.host,
    operation: binding.operation,
    permission: binding.permission,
  };
}

function aclData(cluster: Place, binding: AclBinding) {
  const words = worded(binding);
  const url = `${cluster.url}/acls?${new URLSearchParams(words)}`;
  const metadata = { self: url, resource_name: `${cluster.crn}/acl` };
  return { kind: KIND, metadata, cluster_id: cluster.clusterId, ...words } as const;
}

function bindingOf(acl: NewAcl, field: string): AclBinding {
  const refuse = (name: string, message: string) =>
    new HttpError(400, message, { errorCode: 40002, kafka: 'INVALID_REQUEST', field: `${field}${name}` });
  if (acl.resource_type === 'CLUSTER' && acl.resource_name !== CLUSTER_NAME) {
    throw refuse('resource_name', `The only valid name for the CLUSTER resource is ${CLUSTER_NAME}`);
  }
  if (!/^User:./.test(acl.principal)) throw refuse('principal', "A principal is 'User:' and a name.");
  return {
    resourceType: acl.resource_type,
    resourceName: acl.resource_name,
    patternType: acl.pattern_type,
    principal: acl.principal,
    host: acl.host,
    operation: acl.operation,
    permission: acl.permission,
  };
}

function filterOf(query: Static<typeof SearchQuery>): AclFilter {
  const named = {
    resourceType: query.resource_type,
    resourceName: query.resource_name,
    patternType: query.pattern_type,
    principal: query.principal,
    host: query.host,
    operation: query.operation,
    permission: query.permission,
  };
  // An empty value is one that was not given: the specification's own examples have `host=`.
  const isGiven = ([, value]: [string, unknown]) => value !== undefined && value !== '' && value !== 'ANY';
  return Object.fromEntries(Object.entries(named).filter(isGiven)) as AclFilter;
}

const readAcl = jsonReader(NewAcl);
const readAcls = jsonReader(NewAcls);
const readSearch = queryReader(SearchQuery);
const readDelete = queryReader(DeleteQuery);

const CREATED: HttpResponse = { status: 201 };
const tag = 'ACL (v3)';

const creation = (
  id: string,
  path: string,
  summary: string,
  body: TSchema,
  read: (request: Parameters<Operation['handle']>[1]) => AclBinding[],
): Operation => ({
  id,
  method: 'POST',
  path,
  summary,
  description: 'Those that are there already stay. In effect within some seconds.',
  tag,
  params: ClusterParams,
  accepts: { [JSON_TYPE]: body },
  answers: { 201: 'empty' },
  errors: ['INVALID_REQUEST', 'POLICY_VIOLATION', 'KAFKA_STORAGE_ERROR'],
  form: 'v3',
  async handle(wadi, request) {
    await wadi.acls.create(read(request));
    return CREATED;
  },
});

export const aclOperations: readonly Operation[] = [
  {
    id: 'getKafkaAcls',
    method: 'GET',
    path: ACLS,
    summary: 'List ACLs',
    description: 'Those that are like all that is given.',
    tag,
    params: ClusterParams,
    query: SearchQuery,
    answers: { 200: { [JSON_TYPE]: listSchema(KIND, Acl) } },
    errors: ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const cluster = clusterPlace(wadi, request);
      const found = await wadi.acls.list(filterOf(readSearch(request)));
      const given = request.query.size > 0 ? `?${request.query}` : '';
      const data = found.map((binding) => aclData(cluster, binding));
      return json(200, list(KIND, `${cluster.url}/acls${given}`, data));
    },
  },
  creation('createKafkaAcls', ACLS, 'Create an ACL', NewAcl, (request) => [bindingOf(readAcl(request), '')]),
  creation('batchCreateKafkaAcls', `${ACLS}:batch`, 'Batch Create ACLs', NewAcls, (request) =>
    readAcls(request).data.map((acl, i) => bindingOf(acl, `data[${i}].`)),
  ),
  {
    id: 'deleteKafkaAcls',
    method: 'DELETE',
    path: ACLS,
    summary: 'Delete ACLs',
    description: 'Those that are like all that is given. Answers which those were.',
    tag,
    params: ClusterParams,
    query: DeleteQuery,
    answers: {
      200: { [JSON_TYPE]: Type.Object({ data: Type.Array(Acl) }, { title: 'DeleteAclsResponse' }) },
    },
    errors: ['INVALID_REQUEST', 'KAFKA_STORAGE_ERROR'],
    form: 'v3',
    async handle(wadi, request) {
      const cluster = clusterPlace(wadi, request);
      const deleted = await wadi.acls.delete(filterOf(readDelete(request)));
      return json(200, { data: deleted.map((binding) => aclData(cluster, binding)) });
    },
  },
];
