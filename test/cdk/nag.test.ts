import { App, Stack, Validations } from 'aws-cdk-lib';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks, ServerlessChecks } from 'cdk-nag';
import { synthesize } from './support.ts';

const streams = 'lib/streams/examples/wordCount.ts,lib/streams/examples/earthquakes.ts';

/** What the packs find and no construct gives a reason for ends the synthesis. */
test.each<Record<string, unknown>>([
  {},
  { authorization: 'none', alarmEmail: 'ops@example.com', corsAllowOrigins: '*' },
  { authorization: 'jwt', jwtIssuer: 'https://issuer.example', jwtAudience: 'wadi', customerKey: false },
  { regions: 'eu-central-1', alarmEmail: 'ops@example.com', alarmConsumerLag: 'billing:10000', streams },
  {
    regions: 'us-east-1,us-east-2,us-west-2',
    alarmEmail: 'ops@example.com',
    alarmConsumerLag: 'billing:10000',
    streams,
  },
  { regions: 'eu-central-1,eu-west-1', witnessRegion: 'eu-west-3', customerKey: false },
  {
    ...{ regions: 'us-east-1,eu-west-1', witnessRegion: 'sa-east-1', consistency: 'eventual' },
    ...{ alarmEmail: 'ops@example.com', alarmConsumerLag: 'billing:10000', streams },
  },
  { regions: 'us-east-1,eu-west-1,sa-east-1,ap-south-1', consistency: 'eventual', customerKey: false },
  { privateVpcEndpointIds: 'vpce-0123456789abcdef0' },
  { privateVpcEndpointIds: 'vpce-0123456789abcdef0', authorization: 'none', customerKey: false },
  { localstack: true },
])('with %j the packs AwsSolutions and Serverless find nothing that is not explained', async (context) => {
  const { remove } = await synthesize({ bundle: false, context });
  await remove();
});

test('so a bucket that is open to http, say, would end it', () => {
  const app = new App();
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app), new ServerlessChecks(app));
  new Bucket(new Stack(app, 'Stack'), 'Bucket');
  const { exitCode, error } = { exitCode: process.exitCode, error: console.error };
  console.error = () => undefined;
  try {
    expect(() => app.synth()).toThrow('AwsSolutions-S10');
  } finally {
    console.error = error;
    process.exitCode = exitCode;
  }
});
