import { ACLS_MAX_AGE_MS, createAcls, MAX_ACLS } from '../../lib/acl/acls.ts';
import type { AclBinding, AclFilter } from '../../lib/acl/binding.ts';
import { topicResource } from '../../lib/acl/binding.ts';
import { memoryStorage } from '../../lib/storage/memory/memory.ts';
import { type Intercept, intercepted } from '../support/faults.ts';
import { testClock } from '../support/log.ts';

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

function started(storage = memoryStorage(), clock = testClock()) {
  const authorizer = { superUsers: new Set<string>(), allowEveryoneIfNoAclFound: false };
  const open = (intercept?: Intercept) => {
    const { metadata } = intercept ? intercepted(storage, intercept) : storage;
    return createAcls({ metadata, clock, authorizer });
  };
  return { storage, clock, open, acls: open() };
}

const mayRead = async (acls: ReturnType<typeof createAcls>, name = 'orders') =>
  (await acls.accessOf({ principal: 'User:alice', host: '192.0.2.1' })).allows('READ', topicResource(name));

test('ACLs are there once created, once each, and gone once deleted', async () => {
  const { acls } = started();
  await acls.create([acl(), acl({ operation: 'WRITE' })]);
  await acls.create([acl()]);
  expect(await acls.list({})).toEqual([acl(), acl({ operation: 'WRITE' })]);
  expect(await mayRead(acls)).toBe(true);
  expect(await acls.delete({ operation: 'READ' })).toEqual([acl()]);
  expect(await acls.delete({ operation: 'READ' })).toEqual([]);
  expect(await acls.list({})).toEqual([acl({ operation: 'WRITE' })]);
  expect(await mayRead(acls)).toBe(false);
  await acls.create([acl()]);
  expect(await mayRead(acls)).toBe(true);
});

const some = [
  acl(),
  acl({ resourceName: 'or', patternType: 'PREFIXED' }),
  acl({ resourceName: '*' }),
  acl({ resourceType: 'GROUP', resourceName: 'orders', principal: 'User:ben' }),
  acl({ resourceName: 'payments', permission: 'DENY', host: '192.0.2.9' }),
];

test.each<[AclFilter, number[]]>([
  [{}, [0, 1, 2, 3, 4]],
  [{ resourceType: 'GROUP' }, [3]],
  [{ resourceName: 'orders' }, [0, 3]],
  [{ resourceType: 'TOPIC', resourceName: 'orders', patternType: 'LITERAL' }, [0]],
  [{ resourceType: 'TOPIC', resourceName: 'orders', patternType: 'MATCH' }, [0, 1, 2]],
  [{ resourceName: 'or', patternType: 'PREFIXED' }, [1]],
  [{ principal: 'User:ben' }, [3]],
  [{ permission: 'DENY' }, [4]],
  [{ host: '192.0.2.9' }, [4]],
  [{ operation: 'WRITE' }, []],
])('%j means those that are like it', async (filter, expected) => {
  const { acls } = started();
  await acls.create(some);
  const found = await acls.list(filter);
  expect(
    found.map((each) => some.findIndex((one) => JSON.stringify(one) === JSON.stringify(each))).sort(),
  ).toEqual(expected);
  expect(await acls.delete(filter)).toEqual(found);
});

test('other processes see a change within some seconds', async () => {
  const { clock, acls, open } = started();
  const other = open();
  expect(await mayRead(other)).toBe(false);
  await acls.create([acl()]);
  expect(await mayRead(other)).toBe(false);
  clock.advance(ACLS_MAX_AGE_MS);
  expect(await mayRead(other)).toBe(true);
});

test('a copy of a creation that lands behind the deletion does not bring the ACL back', async () => {
  const { acls, open } = started();
  let late: (() => Promise<unknown>) | undefined;
  const copied = open(async ({ operation }, proceed) => {
    if (operation === 'put') late ??= proceed;
    return proceed();
  });
  await copied.create([acl()]);
  await acls.delete({});
  await late!();
  expect(await acls.list({})).toEqual([]);
  // Nor one of an ACL that had been there before.
  let again: (() => Promise<unknown>) | undefined;
  const copiedAgain = open(async ({ operation }, proceed) => {
    if (operation === 'put') again ??= proceed;
    return proceed();
  });
  await copiedAgain.create([acl()]);
  await acls.delete({});
  await again!();
  expect(await acls.list({})).toEqual([]);
});

test('while ACLs cannot be read nobody is allowed anything, but asked to try again', async () => {
  const { open } = started();
  const acls = open(async () => {
    throw new Error('the store is gone');
  });
  await expect(mayRead(acls)).rejects.toThrow('the store is gone');
});

test('there are no more ACLs than every process can hold', async () => {
  const { acls, storage } = started();
  for (let i = 0; i < MAX_ACLS; i++) {
    const binding = acl({ resourceName: `topic-${i}` });
    await storage.metadata.put({ pk: 'acl', sk: String(i), acl: JSON.stringify(binding), version: 1 });
  }
  await expect(acls.create([acl()])).rejects.toMatchObject({ kafka: 'POLICY_VIOLATION' });
  expect(await acls.list({ resourceName: 'orders' })).toEqual([]);
});
