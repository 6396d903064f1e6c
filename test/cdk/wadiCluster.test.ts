import { App, Stack } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { WadiCluster, type WadiClusterProps } from '../../cdk/wadiCluster.ts';
import { WadiStorage } from '../../cdk/wadiStorage.ts';
import { HTTP_FUNCTIONS } from '../../functions/manifest.ts';

/** A stack whose functions have no code. */
const newStack = () => new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Stack');

test('a cluster rests on the storage that it is given, or else makes its own', () => {
  const stack = newStack();
  const storage = new WadiStorage(stack, 'Storage');
  expect(new WadiCluster(stack, 'Given', { storage }).storage).toBe(storage);
  expect(new WadiCluster(stack, 'Own').storage.node.path).toBe('Stack/Own/Storage');
});

test.each([
  [
    { authorization: { issuer: 'https://issuer.example', audience: ['wadi'] } },
    'a private API takes no tokens',
  ],
  [{ corsAllowOrigins: ['*'] }, 'a private API has no corsAllowOrigins'],
])('a private cluster with %j is refused', (props, message) => {
  const privateVpcEndpointIds = ['vpce-0123456789abcdef0'];
  expect(() => new WadiCluster(newStack(), 'Wadi', { privateVpcEndpointIds, ...props })).toThrow(message);
});

test.each([{ produceConcurrency: 5 }, { pollConcurrency: 5 }])(
  'concurrency cannot be kept for some where none is to be kept: %j',
  (props) => {
    expect(() => new WadiCluster(newStack(), 'Wadi', { reserveConcurrency: false, ...props })).toThrow(
      'not with reserveConcurrency=false',
    );
  },
);

test('functions are told who may do everything, and whose is what no ACL is about', () => {
  const stack = newStack();
  new WadiCluster(stack, 'Wadi', {
    superUsers: ['User:arn:aws:iam::123456789012:role/Ops', 'User:anna'],
    allowEveryoneIfNoAclFound: false,
  });
  const told = Object.values(Template.fromStack(stack).findResources('AWS::Lambda::Function'))
    .map(({ Properties }) => Properties.Environment?.Variables ?? {})
    .filter(({ WADI_SUPER_USERS }) => WADI_SUPER_USERS !== undefined);
  expect(told).toHaveLength(HTTP_FUNCTIONS.length);
  for (const variables of told) {
    expect(variables).toMatchObject({
      WADI_SUPER_USERS: 'User:arn:aws:iam::123456789012:role/Ops;User:anna',
      WADI_ALLOW_EVERYONE_IF_NO_ACL_FOUND: 'false',
    });
  }
});

describe('whoever names no super users', () => {
  const warnings = (props: WadiClusterProps) => {
    const stack = newStack();
    new WadiCluster(stack, 'Wadi', props);
    return Annotations.fromStack(stack)
      .findWarning('*', Match.stringLikeRegexp('superUsers is empty'))
      .map(({ entry }) => String(entry.data));
  };

  test.each<[WadiClusterProps, string]>([
    [{}, 'everyone whom the API lets in may create and delete ACLs and quotas'],
    [{ authorization: { issuer: 'https://issuer.example', audience: ['wadi'] } }, 'everyone whom the API'],
    [{ allowEveryoneIfNoAclFound: false }, 'nobody may do anything'],
  ])('is warned when the templates are made: %j', (props, text) => {
    expect(warnings(props)).toEqual([expect.stringContaining(text)]);
  });

  test.each<WadiClusterProps>([{ superUsers: ['User:anna'] }, { authorization: 'none' }])(
    'is not, with %j',
    (props) => expect(warnings(props)).toEqual([]),
  );
});

test('clusters of one stack have ids of their own', () => {
  const stack = newStack();
  const [one, other] = ['One', 'Other'].map((id) => stack.resolve(new WadiCluster(stack, id).clusterId));
  expect(one).not.toEqual(other);
});

test('no group to look at takes no function, and one that CloudWatch cannot name is refused', () => {
  const withLag = (consumerLag: Record<string, number>) =>
    new WadiCluster(newStack(), 'Wadi', { alarmThresholds: { consumerLag } });
  expect(withLag({}).lag).toBeUndefined();
  expect(withLag({ billing: 5 }).lag?.groups).toEqual(['billing']);
  expect(() => withLag({ größe: 5 })).toThrow('consumerLag must be <group>:<records>');
});

test('clusters of one account look at metrics of their own: those of Wadi are told apart by the cluster’s id', () => {
  const stack = newStack();
  const clusters = ['One', 'Other'].map((id) => new WadiCluster(stack, id));
  const template = Template.fromStack(stack);
  const alarms = Object.entries(template.findResources('AWS::CloudWatch::Alarm')).filter(
    ([, { Properties }]) => Properties.Namespace === 'Wadi',
  );
  const dashboards = Object.entries(template.findResources('AWS::CloudWatch::Dashboard'));
  for (const { node, clusterId } of clusters) {
    const ofCluster = (found: typeof alarms) => found.filter(([id]) => id.startsWith(node.id));
    expect(ofCluster(alarms).length).toBeGreaterThan(2);
    for (const [, { Properties }] of ofCluster(alarms)) {
      expect(Properties.Dimensions).toEqual([
        { Name: 'cluster', Value: stack.resolve(clusterId) },
        { Name: 'service', Value: 'maintenance' },
      ]);
    }
    const [[, { Properties }]] = ofCluster(dashboards) as [(typeof dashboards)[0]];
    const body = JSON.stringify(Properties.DashboardBody);
    expect(body).toContain(clusterSuffix(clusterId));
    for (const other of clusters) {
      if (other.clusterId !== clusterId) expect(body).not.toContain(clusterSuffix(other.clusterId));
    }
  }
});

/** What is known of an id before the stack is there. */
const clusterSuffix = (clusterId: string) => clusterId.slice(-9);
