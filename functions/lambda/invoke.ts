import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { WakerOptions } from '../waker.ts';

/** Of functions of this account and region. Throws the SDK's errors. */
export function lambdaInvoke(): WakerOptions['invoke'] {
  const client = new LambdaClient();
  return async (functionName) => {
    try {
      await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: 'Event' }));
      return true;
    } catch (error) {
      if (NOT_CALLABLE.includes((error as Error).name)) return false;
      throw error;
    }
  };
}

const NOT_CALLABLE: readonly string[] = ['ResourceNotFoundException', 'AccessDeniedException'];
