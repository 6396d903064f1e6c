import { topicNameProblem } from '../../topic/topicName.ts';
import type { StreamsApplication } from '../runtime/application.ts';
import { describeApplication } from './describeApplication.ts';
import { ownTopicsOf } from './topicsOf.ts';

/** What the module at `path` exports as its default. Throws an Error of one line for what is none, or could have no topics of its own. */
export function applicationOf(exported: unknown, path: string): StreamsApplication {
  const { applicationId, topology } = (exported ?? {}) as Partial<StreamsApplication>;
  if (typeof applicationId !== 'string' || topology === undefined)
    throw new Error(`${path} must export { applicationId, topology } as its default`);
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
