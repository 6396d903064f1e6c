import fc from 'fast-check';
import { ClientError } from '../../lib/client/clientError.ts';
import { decodeBase64 } from '../../lib/client/consumer/base64.ts';
import { add, type Batches, dueMs, take } from '../../lib/client/producer/accumulator.ts';
import { advanced, consequenceOf, newIdentity, renewed } from '../../lib/client/producer/identity.ts';
import { createOutcomes } from '../../lib/client/producer/outcomes.ts';
import { createRoom } from '../../lib/client/producer/room.ts';
import type { KafkaErrorName } from '../../lib/errors.ts';

describe('a batch of a producer', () => {
  const record = { timestamp: 0, key: null, value: null, headers: [] };
  const pending = (bytes: number) => ({ record, bytes, outcomes: createOutcomes(1), index: 0 });
  const filled = (...sizes: number[]): Batches => {
    const batches: Batches = [];
    for (const [i, size] of sizes.entries()) add(batches, pending(size), 100, i);
    return batches;
  };
  const sizes = (batches: Batches) => batches.map(({ bytes }) => bytes);

  test('takes records while it has room, and one that is larger than it alone', () => {
    expect(sizes(filled(50, 50, 1, 99, 1, 300, 1))).toEqual([100, 100, 1, 300, 1]);
  });

  test('is due when it is full, or has lingered', () => {
    expect(dueMs(filled(), 10)).toBe(Number.POSITIVE_INFINITY);
    expect(dueMs(filled(1, 1), 10)).toBe(10);
    expect(dueMs(filled(99, 2), 10)).toBe(0);
  });

  test('goes with the full ones behind it, as far as there is room in a request', () => {
    const batches = filled(100, 100, 100, 100, 1);
    expect(sizes(take(batches, 250))).toEqual([100, 100]);
    expect(sizes(take(batches, 1_000))).toEqual([100, 100]);
    expect(sizes(take(batches, 1_000))).toEqual([1]);
    expect(sizes(take(filled(300, 1), 250))).toEqual([300]);
  });
});

describe('the identity of a producer', () => {
  const random = (length: number) => new Uint8Array(length).fill(255);

  test('is never negative', () => {
    expect(newIdentity(random)).toEqual({ id: 2n ** 62n - 1n, epoch: 0, sequence: 0 });
  });

  test('counts records, from 2^31 - 1 to 0', () => {
    expect(advanced({ id: 1n, epoch: 2, sequence: 2 ** 31 - 3 }, 5)).toEqual({
      id: 1n,
      epoch: 2,
      sequence: 2,
    });
  });

  test('begins a new epoch with 0, and is another after the last epoch', () => {
    expect(renewed({ id: 1n, epoch: 2, sequence: 9 }, random)).toEqual({ id: 1n, epoch: 3, sequence: 0 });
    expect(renewed({ id: 1n, epoch: 0x7fff, sequence: 9 }, random)).toEqual(newIdentity(random));
  });

  test.each<[KafkaErrorName, 'refused' | 'unknown', string]>([
    ['DUPLICATE_SEQUENCE_NUMBER', 'unknown', 'appended'],
    ['OUT_OF_ORDER_SEQUENCE_NUMBER', 'refused', 'renew-and-repeat'],
    ['INVALID_PRODUCER_EPOCH', 'refused', 'fail-and-renew'],
    ['MESSAGE_TOO_LARGE', 'refused', 'split'],
    ['MESSAGE_TOO_LARGE', 'unknown', 'fail-and-renew'],
    ['REQUEST_TIMED_OUT', 'unknown', 'fail-and-renew'],
    ['INVALID_RECORD', 'refused', 'fail'],
    ['INVALID_RECORD', 'unknown', 'fail-and-renew'],
  ])('after %s of outcome %s: %s', (kafka, outcome, consequence) => {
    expect(consequenceOf(new ClientError('', { kafka, outcome }), false)).toBe(consequence);
  });

  test('is not renewed for ever', () => {
    const error = new ClientError('', { kafka: 'OUT_OF_ORDER_SEQUENCE_NUMBER', outcome: 'refused' });
    expect(consequenceOf(error, true)).toBe('fail-and-renew');
  });
});

describe('room', () => {
  test('is given in the order in which it was asked for', async () => {
    const room = createRoom(10);
    const order: string[] = [];
    await room.take(6);
    const waiting = [
      room.take(8).then(() => order.push('large')),
      room.take(1).then(() => order.push('small')),
    ];
    await Promise.resolve();
    expect(order).toEqual([]);
    room.give(6);
    await Promise.all(waiting);
    expect(order).toEqual(['large', 'small']);
  });

  test('is there for more than there ever is, when all is free', async () => {
    const room = createRoom(10);
    await room.take(30);
    const next = room.take(1);
    room.give(30);
    await next;
  });

  test('is left to others by who does not wait any longer', async () => {
    const room = createRoom(10);
    await room.take(10);
    const stop = new AbortController();
    const impatient = room.take(5, { signal: stop.signal });
    const late = room.take(5, { timeoutMs: 5 });
    await expect(late).rejects.toMatchObject({ kafka: 'REQUEST_TIMED_OUT', outcome: 'refused' });
    stop.abort(new Error('enough'));
    await expect(impatient).rejects.toThrow('enough');
    const last = room.take(10);
    room.give(10);
    await last;
  });
});

test('base64 gives the bytes that were written', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
      expect(decodeBase64(Buffer.from(bytes).toString('base64'))).toEqual(bytes);
    }),
  );
});
