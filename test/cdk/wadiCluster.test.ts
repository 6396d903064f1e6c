import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { WadiCluster } from '../../cdk/wadiCluster.ts';
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

test('clusters of one stack have ids of their own', () => {
  const stack = newStack();
  const [one, other] = ['One', 'Other'].map((id) => stack.resolve(new WadiCluster(stack, id).clusterId));
  expect(one).not.toEqual(other);
});
