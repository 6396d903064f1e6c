import type { Clock } from './clock.ts';

/**
 * A fresh id in the form of Kafka's Uuid: 16 random bytes as 22 characters of URL-safe base64. As Kafka's, it never
 * begins with '-', so that it can be a command's argument: the first bit is 0.
 */
export function randomUuid(clock: Clock): string {
  const bytes = Buffer.from(clock.random(16));
  bytes[0]! &= 0x7f;
  return bytes.toString('base64url');
}
