import { defaultUrl, deploymentSettings, lagGroups, lambdaSettings } from '../lib/settings.ts';

const environment = {
  WADI_BUCKET: 'bytes',
  WADI_LOG_TABLE: 'log',
  WADI_METADATA_TABLE: 'metadata',
  WADI_GROUPS_TABLE: 'groups',
};

test('a function finds its bucket and tables in the environment', () => {
  expect(lambdaSettings(environment)).toEqual({
    bucket: 'bytes',
    logTable: 'log',
    metadataTable: 'metadata',
    groupsTable: 'groups',
    region: '',
    authorizer: { superUsers: new Set(), allowEveryoneIfNoAclFound: true },
  });
});

test('a function is told who may do everything, and whose is what no ACL is about', () => {
  const { authorizer } = lambdaSettings({
    ...environment,
    WADI_SUPER_USERS: 'User:alice;User:arn:aws:iam::123456789012:role/Ops',
    WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND: 'false',
  });
  expect([...authorizer.superUsers]).toEqual(['User:alice', 'User:arn:aws:iam::123456789012:role/Ops']);
  expect(authorizer.allowEveryoneIfNoAclFound).toBe(false);
});

test('all settings that a function lacks are named at once', () => {
  expect(() => lambdaSettings({ ...environment, WADI_BUCKET: undefined, WADI_GROUPS_TABLE: '' })).toThrow(
    /^These environment variables must be set: WADI_BUCKET, WADI_GROUPS_TABLE$/,
  );
});

test('a process elsewhere finds what it is not given as a function does', () => {
  expect(deploymentSettings({ bucket: 'mine', groupsTable: 'theirs' }, environment)).toMatchObject({
    ...{ bucket: 'mine', logTable: 'log', metadataTable: 'metadata', groupsTable: 'theirs' },
  });
  expect(() => deploymentSettings({ bucket: 'mine' }, {})).toThrow(/: WADI_LOG_TABLE, WADI_METADATA_TABLE, /);
});

test('the command line goes to WADI_URL, or else to the local cluster', () => {
  expect(defaultUrl({ WADI_URL: 'https://wadi.example' })).toBe('https://wadi.example');
  expect(defaultUrl({})).toBe('http://127.0.0.1:8080');
});

test('a function may be told its cluster id', () => {
  expect(lambdaSettings({ ...environment, WADI_CLUSTER_ID: 'one' })).toHaveProperty('clusterId', 'one');
  expect(lambdaSettings({ ...environment, WADI_CLUSTER_ID: '' })).not.toHaveProperty('clusterId');
});

test('a function is told how the copies of tables are kept alike, and of a region that has nothing else', () => {
  const eventual = { WADI_CONSISTENCY: 'eventual', WADI_WITNESS_REGION: 'sa-east-1' };
  expect(lambdaSettings({ ...environment, ...eventual })).toMatchObject({
    consistency: 'eventual',
    witnessRegion: 'sa-east-1',
  });
  expect(() => lambdaSettings({ ...environment, WADI_CONSISTENCY: 'weak' })).toThrow(
    "WADI_CONSISTENCY must be strong or eventual, not 'weak'",
  );
});

test('a function that measures lag is told of which groups', () => {
  expect(lagGroups({ WADI_LAG_GROUPS: '["billing","a,b"]' })).toEqual(['billing', 'a,b']);
  expect(lagGroups({})).toEqual([]);
});
