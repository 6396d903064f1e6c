import { topicNameProblem } from '../../topic/topicName.ts';
import type { StreamsApplication } from '../runtime/application.ts';
import { describeApplication } from './describeApplication.ts';
import { ownTopicsOf } from './topicsOf.ts';

/** What the module at `path` exports as its default. Throws an Error of one line for what is none, or could have no topics of its own. */
export function applicationOf(exported: unknown, path: string): StreamsApplication {
  const { applicationId, topology } = (exported ?? {}) as Partial<StreamsApplication>;
  if (typeof applicationId !== 'string' || !topology)
    throw new Error(`${path} must export { applicationId, topology } as its default`);
  if (!Array.isArray(topology.subtopologies))
    throw new Error(`${path}: topology must be what build() of a StreamsBuilder returns: call build()`);
  if (topology.subtopologies.length === 0) throw new Error(`${path}: its topology reads no topic`);
  const wrong = optionProblem(exported as StreamsApplication);
  if (wrong !== undefined) throw new Error(`${path}: ${wrong}`);
  const application = exported as StreamsApplication;
  const problem = topicNameProblem(applicationId);
  if (problem !== undefined)
    throw new Error(`${path}: applicationId must be a name that a topic can have: ${problem}`);
  for (const topic of ownTopicsOf(describeApplication(application))) {
    const ofTopic = topicNameProblem(topic);
    if (ofTopic !== undefined)
      throw new Error(`${path}: application '${applicationId}' needs a topic of its own: ${ofTopic}`);
  }
  return application;
}

/** JavaScript has no types. */
function optionProblem({ onError = 'stop', processingGuarantee }: StreamsApplication): string | undefined {
  if (
    onError !== 'stop' &&
    typeof (onError as { deadLetterTopic?: unknown } | null)?.deadLetterTopic !== 'string'
  )
    return "onError must be 'stop' or { deadLetterTopic: <name of a topic> }";
  if (!['exactly_once_v2', 'at_least_once', undefined].includes(processingGuarantee))
    return "processingGuarantee must be 'exactly_once_v2' or 'at_least_once'";
  return undefined;
}
