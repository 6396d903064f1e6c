import { resolve } from 'node:path';
import { type LocalCluster, type LocalClusterOptions, startLocalCluster } from './cluster.ts';
import { logWork } from './maintenance.ts';
import { parseOptions } from './options.ts';
import { loadApplication } from './streams.ts';

/** `npm start`: the local cluster until SIGINT or SIGTERM. */
async function main(): Promise<void> {
  const { streamsModules, ...options } = parseOptions(process.argv);
  const cluster = await start(streamsModules, options).catch((error) => {
    console.error(`wadi: ${reason(error)}`);
    process.exit(1);
  });
  stopOnSignals(cluster);
  // spawn.ts reads these lines: what is ready comes last.
  if (options.regions)
    for (const { region, url } of cluster.fronts) console.log(`region ${region} at ${url}`);
  console.log(`wadi ready at ${cluster.url}`);
  console.log(`\n${told(cluster)}`);
}

async function start(modules: readonly string[], options: LocalClusterOptions): Promise<LocalCluster> {
  const streams = await Promise.all(modules.map((path) => loadApplication(resolve(path))));
  return startLocalCluster({ ...options, streams, onMaintenance: logWork });
}

function stopOnSignals(cluster: LocalCluster): void {
  let stopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      // Whoever asks twice does not want to wait.
      if (stopping) process.exit(130);
      stopping = true;
      cluster.close().then(
        () => process.exit(0),
        (error) => {
          console.error(`wadi: ${reason(error)}`);
          process.exit(1);
        },
      );
    });
  }
}

function reason(error: unknown): string {
  const { code, message, port } = error as NodeJS.ErrnoException & { port?: number };
  switch (code) {
    case 'EADDRINUSE':
      return `port ${port} is in use; choose another with --port, or any that is free with --port 0`;
    case 'EACCES':
    case 'EPERM':
      return `not allowed: ${message}`;
    default:
      return message || String(error);
  }
}

/** While nobody is home there is nothing to try but that. */
function told(cluster: LocalCluster): string {
  try {
    return examples(cluster);
  } catch (error) {
    return reason(error);
  }
}

function examples({ url, wadi }: LocalCluster): string {
  const topics = `${url}/v3/clusters/${wadi.clusterId}/topics`;
  return [
    'Create a topic, produce a record, fetch it back:',
    `  curl ${topics} -H 'content-type: application/json' -d '{"topic_name":"demo","partitions_count":1}'`,
    `  curl ${topics}/demo/records -H 'content-type: application/json' -d '{"key":{"type":"STRING","data":"k"},"value":{"type":"JSON","data":{"hello":"wadi"}}}'`,
    `  curl '${topics}/demo/partitions/0/records?offset=earliest'`,
    `All of the API: ${url}/openapi.json`,
  ].join('\n');
}

await main();
