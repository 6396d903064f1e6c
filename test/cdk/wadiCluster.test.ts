import { App, Stack } from 'aws-cdk-lib';
import { WadiCluster } from '../../cdk/wadiCluster.ts';
import { WadiStorage } from '../../cdk/wadiStorage.ts';

/** A stack whose functions have no code. */
const newStack = () => new Stack(new App({ context: { 'aws:cdk:bundling-stacks': [] } }), 'Stack');

test('a cluster rests on the storage that it is given, or else makes its own', () => {
  const stack = newStack();
  const storage = new WadiStorage(stack, 'Storage');
  expect(new WadiCluster(stack, 'Given', { storage }).storage).toBe(storage);
  expect(new WadiCluster(stack, 'Own').storage.node.path).toBe('Stack/Own/Storage');
});

test('clusters of one stack have ids of their own', () => {
  const stack = newStack();
  const [one, other] = ['One', 'Other'].map((id) => stack.resolve(new WadiCluster(stack, id).clusterId));
  expect(one).not.toEqual(other);
});
