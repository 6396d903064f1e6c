import { type LocalCluster, startLocalCluster } from '../../lib/local/cluster.ts';
import { connectClient } from './client.ts';
import { describeEndToEnd } from './endToEnd.ts';

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startLocalCluster();
});
afterAll(() => cluster.close());

// As `npm run test:e2e` does it with a deployment.
describeEndToEnd('any URL', () => connectClient(cluster.url));

test('a URL where there is no Wadi is told, with its answer', async () => {
  await expect(connectClient(`${cluster.url}/nowhere`)).rejects.toThrow(/nowhere\/v3\/clusters answered 404/);
});
