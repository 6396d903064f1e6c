import { ClientError } from '../client/clientError.ts';
import { type ApiRequest, connect } from '../client/connection.ts';
import { CliError } from './cliError.ts';

const TIMEOUT_MS = 10_000;

/** Of a path that only a local cluster of several regions serves: not by way of the API, which a region that is down does not serve. */
export async function askLocal<T>(url: string, request: ApiRequest): Promise<T> {
  const connection = connect({ url, requestTimeoutMs: TIMEOUT_MS });
  try {
    return (await connection.attempt<T>(request)).body;
  } catch (error) {
    // Where there is no such path there is no field to be wrong either.
    const isElsewhere = error instanceof ClientError && [401, 403, 404, 405].includes(error.status);
    if (isElsewhere && error.field === undefined)
      throw new CliError(
        `${url} does not know ${request.path}: it is for local clusters of several regions (npm start -- --help)`,
      );
    throw error;
  }
}
