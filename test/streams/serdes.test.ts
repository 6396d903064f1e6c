import { type Static, Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { TopologyTestDriver } from '../../lib/streams/driver/topologyTestDriver.ts';
import { StreamsBuilder } from '../../lib/streams/dsl/streamsBuilder.ts';
import { schemaSerde } from '../../lib/streams/schemaSerde.ts';
import { type Serde, Serdes } from '../../lib/streams/serdes.ts';

const { string, bytes, integer, long, double, json } = Serdes;

const order = Type.Object({
  customer: Type.String({ minLength: 1 }),
  items: Type.Array(Type.Object({ sku: Type.String(), price: Type.Number({ minimum: 0 }) })),
  note: Type.Optional(Type.Union([Type.String(), Type.Null()])),
});
type Order = Static<typeof order>;
const orders: Serde<Order> = schemaSerde(order);
const pen: Order = { customer: 'ada', items: [{ sku: 'pen', price: 2.5 }], note: null };

const hex = (stored: Uint8Array) => Buffer.from(stored).toString('hex');
const stored = (value: unknown) => Buffer.from(JSON.stringify(value));

test('what is written is read again, whatever it is', () => {
  const same = <T>(arbitrary: fc.Arbitrary<T>, serde: Serde<T>) =>
    fc.assert(
      fc.property(arbitrary, (value) => {
        expect(serde.deserialize(serde.serialize(value))).toEqual(value);
      }),
    );
  same(fc.oneof(fc.string({ unit: 'grapheme' }), fc.constant('\ufeffa')), string);
  same(fc.uint8Array(), bytes);
  same(fc.integer(), integer);
  same(fc.maxSafeInteger(), long);
  same(fc.double(), double);
  same(
    fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown),
    json(),
  );
  same(
    fc.record({
      customer: fc.string({ minLength: 1 }),
      items: fc.array(fc.record({ sku: fc.string(), price: fc.nat() })),
    }),
    orders,
  );
});

test("bytes are those of Kafka's serializers", () => {
  expect(hex(string.serialize('é'))).toBe('c3a9');
  expect(hex(integer.serialize(-2))).toBe('fffffffe');
  expect(hex(long.serialize(258))).toBe('0000000000000102');
  expect(hex(double.serialize(1.5))).toBe('3ff8000000000000');
});

test('bytes that are none of the type are refused', () => {
  expect(() => string.deserialize(Uint8Array.of(0xff))).toThrow('not valid');
  for (const serde of [integer, long, double])
    expect(() => serde.deserialize(new Uint8Array(5))).toThrow('5 bytes are no');
  expect(() => json().deserialize(Buffer.from('{'))).toThrow('JSON');
});

test('numbers that the bytes would not be are refused', () => {
  for (const value of [1.5, 2 ** 31, -(2 ** 31) - 1, Number.NaN])
    expect(() => integer.serialize(value)).toThrow(RangeError);
  for (const value of [1.5, 2 ** 63, Number.POSITIVE_INFINITY])
    expect(() => long.serialize(value)).toThrow(RangeError);
  for (const value of [Number.NaN, -0, Number.NEGATIVE_INFINITY])
    expect(double.deserialize(double.serialize(value))).toBe(value);
});

test.each([
  [{ ...pen, items: [...pen.items, { sku: 'ink', price: '3' }] }, '/items/1/price'],
  [{ ...pen, items: [{ sku: 'ink', price: -1 }] }, '/items/0/price'],
  [{ items: [] }, '/customer'],
  [{ ...pen, customer: '' }, '/customer'],
  [{ ...pen, note: 5 }, '/note'],
  [null, '/'],
])(
  'JSON that does not fit the schema (%j) is refused, read or written, with the path of what is wrong',
  (value, path) => {
    const refused = { kafka: 'INVALID_RECORD', message: expect.stringContaining(`${path}: `) };
    const reading = () => orders.deserialize(stored(value));
    const writing = () => orders.serialize(value as Order);
    for (const call of [reading, writing]) {
      expect(call).toThrow(expect.objectContaining(refused));
    }
  },
);

test('a topology that reads what does not fit fails at that record', () => {
  const builder = new StreamsBuilder();
  builder
    .stream('orders', { keySerde: string, valueSerde: orders })
    .mapValues(({ items }) => items.length, { valueSerde: integer })
    .to('counts');
  const driver = new TopologyTestDriver(builder.build());
  const input = driver.createInputTopic('orders', string, json<unknown>());
  input.pipeInput('a', pen);
  expect(() => input.pipeInput('a', { ...pen, items: 'none' })).toThrow('/items: Expected array');
  expect(driver.createOutputTopic('counts', string, integer).readKeyValues()).toEqual([['a', 1]]);
});
