import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';

/**
 * The bundle of a function of the manifest. Made in a process of its own, since esbuild waits for plugins and a construct cannot.
 * @param application absolute path of the module that it is made for, if it is
 */
export function functionCode(entry: string, application?: string): Code {
  const made = application === undefined ? [] : [application];
  return Code.fromAsset(join(import.meta.dirname, '../../functions/lambda'), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      local: {
        tryBundle(folder) {
          execFileSync(process.execPath, [join(import.meta.dirname, 'bundle.ts'), entry, folder, ...made], {
            stdio: 'inherit',
          });
          return true;
        },
      },
      // No container is ever run. But CDK takes bundles of one source for the same if neither differs.
      image: DockerImage.fromRegistry('none'),
      command: [entry, ...made],
    },
  });
}
