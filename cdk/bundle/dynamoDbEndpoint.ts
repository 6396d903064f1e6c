/** By the names of the SDK. */
export interface DynamoDbPlace {
  readonly Region: string;
  readonly Endpoint?: string;
  readonly UseFIPS?: boolean;
  readonly UseDualStack?: boolean;
}

interface Partition {
  readonly name: string;
  readonly dnsSuffix: string;
  readonly dualStackDnsSuffix: string;
}

/** Where DynamoDB is: the SDK's rules, less endpoints of accounts. */
export function dynamoDbEndpoint(place: DynamoDbPlace, partition: Partition) {
  const { Region, Endpoint, UseFIPS, UseDualStack } = place;
  // In GovCloud the plain endpoint is FIPS's, too.
  const isPlain = !UseFIPS || (partition.name === 'aws-us-gov' && !UseDualStack);
  const suffix = UseDualStack ? partition.dualStackDnsSuffix : partition.dnsSuffix;
  const url = new URL(Endpoint ?? `https://dynamodb${isPlain ? '' : '-fips'}.${Region}.${suffix}`);
  return { url, properties: {}, headers: {} };
}
