import { Duration, Stack } from 'aws-cdk-lib';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { type IScheduleTarget, Schedule, ScheduleExpression } from 'aws-cdk-lib/aws-scheduler';
import type { Construct } from 'constructs';

/** Has the clock call a function: it is not called again if that fails. */
export function callEvery(scope: Construct, minutes: number, lambda: IFunction, description: string): void {
  new Schedule(scope, 'Schedule', {
    description,
    schedule: ScheduleExpression.rate(Duration.minutes(minutes)),
    target: call(scope, 'Clock', lambda),
  });
}

/** Not a LambdaInvoke, which would allow every version and alias of the function as well. */
function call(scope: Construct, id: string, lambda: IFunction): IScheduleTarget {
  const role = new Role(scope, id, {
    assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
      conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(scope).account } },
    }),
  });
  role.addToPolicy(
    new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [lambda.functionArn] }),
  );
  return { bind: () => ({ arn: lambda.functionArn, role, retryPolicy: { maximumRetryAttempts: 0 } }) };
}
