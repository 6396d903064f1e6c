import type { AclBinding, AclOperation } from '../../lib/acl/binding.ts';
import { indexAcls, isAllowed } from '../../lib/acl/decide.ts';

const ALICE = { principal: 'User:alice', host: '192.0.2.1' };
const ORDERS = { type: 'TOPIC', name: 'orders' } as const;

const acl = (more: Partial<AclBinding> = {}): AclBinding => ({
  resourceType: 'TOPIC',
  resourceName: 'orders',
  patternType: 'LITERAL',
  principal: 'User:alice',
  host: '*',
  operation: 'READ',
  permission: 'ALLOW',
  ...more,
});

const may = (
  acls: readonly AclBinding[],
  operation: AclOperation = 'READ',
  { everyone = false, superUsers = [] as string[], caller = ALICE, resource = ORDERS as never } = {},
) =>
  isAllowed(
    indexAcls(acls),
    { superUsers: new Set(superUsers), allowEveryoneIfNoAclFound: everyone },
    caller,
    operation,
    resource,
  );

const deny = (more: Partial<AclBinding> = {}) => acl({ permission: 'DENY', ...more });

test.each<[string, boolean, AclBinding[], AclOperation?]>([
  ['what an ACL allows', true, [acl()]],
  ['what none allows', false, [acl()], 'WRITE'],
  ['what is allowed to others', false, [acl({ principal: 'User:ben' })]],
  ['what is allowed to everyone', true, [acl({ principal: 'User:*' })]],
  ['what is allowed from elsewhere', false, [acl({ host: '192.0.2.9' })]],
  ['what is allowed from here', true, [acl({ host: '192.0.2.1' })]],
  ['what is allowed of another name', false, [acl({ resourceName: 'payments' })]],
  ['what is allowed of all names', true, [acl({ resourceName: '*' })]],
  ['what is allowed of a prefix', true, [acl({ resourceName: 'ord', patternType: 'PREFIXED' })]],
  ['what is allowed of another prefix', false, [acl({ resourceName: 'orders-', patternType: 'PREFIXED' })]],
  ['a literal name as a prefix', false, [acl({ resourceName: 'ord' })]],
  ['what is allowed of another kind of thing', false, [acl({ resourceType: 'GROUP' })]],
  ['anything, if all is allowed', true, [acl({ operation: 'ALL' })], 'ALTER_CONFIGS'],
  ['what one ACL denies, though another allows it', false, [acl(), deny()]],
  ['what is denied to everyone', false, [acl(), deny({ principal: 'User:*' })]],
  ['what is denied of a prefix', false, [acl(), deny({ resourceName: 'o', patternType: 'PREFIXED' })]],
  ['what is denied of all names', false, [acl(), deny({ resourceName: '*' })]],
  ['anything, if all is denied', false, [acl(), deny({ operation: 'ALL' })]],
  ['what is denied from elsewhere', true, [acl(), deny({ host: '192.0.2.9' })]],
  ['what is denied to others', true, [acl(), deny({ principal: 'User:ben' })]],
  ['another operation than the denied one', true, [acl(), deny({ operation: 'WRITE' })]],
  ['to describe, who may read', true, [acl()], 'DESCRIBE'],
  ['to describe, who may write', true, [acl({ operation: 'WRITE' })], 'DESCRIBE'],
  ['to describe, who may delete', true, [acl({ operation: 'DELETE' })], 'DESCRIBE'],
  ['to describe, who may alter', true, [acl({ operation: 'ALTER' })], 'DESCRIBE'],
  ['to describe, who may create', false, [acl({ operation: 'CREATE' })], 'DESCRIBE'],
  [
    'to describe configs, who may alter them',
    true,
    [acl({ operation: 'ALTER_CONFIGS' })],
    'DESCRIBE_CONFIGS',
  ],
  ['to read, who may describe', false, [acl({ operation: 'DESCRIBE' })], 'READ'],
  ['to describe, who is denied to read', true, [acl({ operation: 'DESCRIBE' }), deny()], 'DESCRIBE'],
])('%s: %s', (...[, expected, acls, operation]) => expect(may(acls, operation)).toBe(expected));

test('where no ACL is about it, everyone may or nobody, as is set', () => {
  const others = [acl({ resourceName: 'payments' }), acl({ resourceType: 'GROUP' })];
  expect([may(others), may(others, 'READ', { everyone: true })]).toEqual([false, true]);
  expect(may([acl({ principal: 'User:ben' })], 'READ', { everyone: true })).toBe(false);
  expect(may([acl({ resourceName: 'o', patternType: 'PREFIXED' })], 'WRITE', { everyone: true })).toBe(false);
});

describe('where no ACL is about the cluster and all that is so is everyone’s', () => {
  const CLUSTER = { type: 'CLUSTER', name: 'kafka-cluster' } as never;
  const ofCluster = (more: Partial<AclBinding>) =>
    acl({ resourceType: 'CLUSTER', resourceName: 'kafka-cluster', ...more });
  const named = { everyone: true, superUsers: ['User:root'], resource: CLUSTER };

  test.each(['ALTER', 'ALTER_CONFIGS', 'DESCRIBE', 'DESCRIBE_CONFIGS'] as const)(
    '%s is the super users’, if there are any',
    (operation) => {
      expect(may([], operation, named)).toBe(false);
      expect(may([acl(), acl({ resourceType: 'GROUP' })], operation, named)).toBe(false);
      expect(may([], operation, { ...named, caller: { ...ALICE, principal: 'User:root' } })).toBe(true);
      expect(may([], operation, { everyone: true, resource: CLUSTER })).toBe(true);
    },
  );

  test('and theirs whom an ACL allows it', () => {
    expect(may([ofCluster({ operation: 'ALTER' })], 'ALTER', named)).toBe(true);
    expect(may([ofCluster({ operation: 'ALTER', principal: 'User:ben' })], 'ALTER', named)).toBe(false);
  });

  test('the rest stays everyone’s: to create topics, and what is done with them', () => {
    expect(may([], 'CREATE', named)).toBe(true);
    for (const operation of ['ALTER', 'ALTER_CONFIGS', 'DESCRIBE', 'DESCRIBE_CONFIGS'] as const) {
      expect(may([], operation, { ...named, resource: ORDERS as never })).toBe(true);
    }
  });
});

test('a super user may whatever is denied', () => {
  expect(may([deny({ operation: 'ALL' })], 'DELETE', { superUsers: ['User:alice'] })).toBe(true);
  expect(may([], 'DELETE', { superUsers: ['User:ben'] })).toBe(false);
});
