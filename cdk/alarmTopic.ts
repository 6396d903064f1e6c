import { Stack } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import type { Construct } from 'constructs';
import { acknowledge } from './acknowledge.ts';

export interface AlarmTopicProps {
  /** Is written to; the first mail asks whether that is wanted. */
  readonly alarmEmail?: string | undefined;
  /** Of a topic that there is already, which CloudWatch may publish to. */
  readonly alarmTopicArn?: string | undefined;
  readonly key?: IKey | undefined;
}

/** Whom alarms are told to; `undefined` if to nobody. */
export function alarmTopic(scope: Construct, id: string, props: AlarmTopicProps): ITopic | undefined {
  const { alarmEmail, alarmTopicArn, key } = props;
  if (alarmTopicArn) return Topic.fromTopicArn(scope, id, alarmTopicArn);
  if (!alarmEmail) return undefined;
  const topic = new Topic(scope, id, {
    displayName: 'Wadi',
    enforceSSL: true,
    ...(key && { masterKey: key }),
  });
  acknowledge(topic.addSubscription(new EmailSubscription(alarmEmail)), {
    'Serverless-SNSRedrivePolicy':
      'A mail that is not taken is no loss: CloudWatch shows the alarm all the same',
  });
  topic.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
      actions: ['sns:Publish'],
      resources: [topic.topicArn],
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  );
  return topic;
}
