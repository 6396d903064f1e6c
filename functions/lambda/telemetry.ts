import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { Context } from 'aws-lambda';
import type { HttpEvent, HttpHandler, HttpResult } from '../handler.ts';

/**
 * Both name the function, by POWERTOOLS_SERVICE_NAME, and write lines of JSON, of some of which CloudWatch makes metrics: of the cluster alone,
 * since `open.ts` makes its id a dimension.
 */
export const logger = new Logger();
export const metrics = new Metrics({ namespace: 'Wadi' });

/** The handler, which also counts: by the route, not by topic or caller, since each combination is a metric that is paid for. */
export function measured(handler: HttpHandler): (event: HttpEvent, context: Context) => Promise<HttpResult> {
  return async (event, context) => {
    const began = performance.now();
    const result = await handler(event, context);
    metrics.addDimension('route', event.routeKey);
    metrics.addMetric('Latency', MetricUnit.Milliseconds, performance.now() - began);
    metrics.addMetric(`Status${Math.floor(result.statusCode / 100)}xx`, MetricUnit.Count, 1);
    metrics.addMetric('RequestBytes', MetricUnit.Bytes, bodyBytes(event));
    metrics.addMetric('ResponseBytes', MetricUnit.Bytes, bodyBytes(result));
    metrics.publishStoredMetrics();
    return result;
  };
}

function bodyBytes({
  body,
  isBase64Encoded,
}: Pick<HttpEvent | HttpResult, 'body' | 'isBase64Encoded'>): number {
  return body === undefined ? 0 : Buffer.byteLength(body as string, isBase64Encoded ? 'base64' : 'utf8');
}
