import { injectLambdaContext } from '@aws-lambda-powertools/logger/middleware';
import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { systemClock } from '../../lib/clock.ts';
import type { FailoverRegion, FailoverReport } from '../../lib/failover/failover.ts';
import { FAILOVER_LIMITS } from '../../lib/failover/limits.ts';
import { type LambdaSettings, lambdaSettings } from '../../lib/settings.ts';
import { awsObjects } from '../../lib/storage/aws/aws.ts';
import { scannableTables } from '../../lib/storage/aws/scan.ts';
import { createHandler, type FailoverEvent } from '../failover.ts';
import { copyRegions } from './home.ts';
import { logger } from './telemetry.ts';

export const handler = middy<FailoverEvent, FailoverReport | null, Error, Context>({
  timeoutEarlyInMillis: 0,
})
  .use(injectLambdaContext(logger))
  .handler(async (event: FailoverEvent) => {
    const settings = lambdaSettings();
    const failover = createHandler(
      {
        ...{ regions: regionsOf(settings), clock: systemClock, limits: FAILOVER_LIMITS },
        told: (progress, begins) => logger.info(progress, { ...begins }),
      },
      settings.region,
    );
    const report = await failover(event);
    logger.info('failover', { ...report });
    return report;
  });

function regionsOf(settings: LambdaSettings): FailoverRegion[] {
  return copyRegions(settings).map((name) => {
    const bucket = settings.regions?.find((region) => region.name === name)?.bucket;
    return {
      ...{ name, tables: scannableTables({ ...settings, region: name }) },
      ...(bucket && { objects: awsObjects({ ...settings, region: name, bucket }) }),
    };
  });
}
