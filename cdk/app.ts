import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { authorizationOf } from './wadiApi.ts';
import { WadiCluster } from './wadiCluster.ts';
import { WadiStorage } from './wadiStorage.ts';

/**
 * Two stacks: `WadiStorage` keeps what cannot be made again, `Wadi` holds what can be replaced at any time.
 *
 *     npx cdk deploy --all                             only requests signed by an allowed AWS identity
 *     npx cdk deploy --all -c authorization=none       anyone who knows the URL, for a trial
 */
const app = new App();

const storageStack = new Stack(app, 'WadiStorage', {
  description: 'Wadi: the records, their order, and how far groups have read',
  terminationProtection: true,
});
const storage = new WadiStorage(storageStack, 'Storage');

const stack = new Stack(app, 'Wadi', { description: 'Wadi: the API, maintenance, and their functions' });
const { api, clusterId } = new WadiCluster(stack, 'Cluster', {
  storage,
  authorization: authorizationOf(app.node.tryGetContext('authorization')),
});

const outputs = {
  Url: api.url,
  ClusterId: clusterId,
  BucketName: storage.objects.bucketName,
  LogTableName: storage.log.tableName,
  MetadataTableName: storage.metadata.tableName,
  GroupsTableName: storage.groups.tableName,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
