import { TopologyTestDriver } from '../../../lib/streams/driver/topologyTestDriver.ts';
import type { GroupedStream } from '../../../lib/streams/dsl/groupedStream.ts';
import { StreamsBuilder } from '../../../lib/streams/dsl/streamsBuilder.ts';
import { Serdes } from '../../../lib/streams/serdes.ts';
import { sessionWindows } from '../../../lib/streams/windows/sessionWindows.ts';
import { slidingWindows } from '../../../lib/streams/windows/slidingWindows.ts';
import { timeWindows } from '../../../lib/streams/windows/timeWindows.ts';
import type { Windowed } from '../../../lib/streams/windows/windowed.ts';

const { string, long } = Serdes;

/** What a customer does, of two streams with values of types of their own. */
function streams() {
  const builder = new StreamsBuilder();
  const clicks = builder.stream('clicks', { keySerde: string, valueSerde: string });
  const prices = builder.stream('prices', { keySerde: string, valueSerde: long });
  return { builder, clicks, prices };
}

const cogrouped = (clicks: GroupedStream<string, string>, prices: GroupedStream<string, number>) =>
  clicks
    .cogroup((_, page, all: string) => `${all}${page} `)
    .cogroup(prices, (_, price, all) => `${all}${price + 0.5} `);

const nameOf = ({ key, window }: Windowed<string>) => `${key}@${window.startMs}-${window.endMs}`;

function drive(builder: StreamsBuilder) {
  const driver = new TopologyTestDriver(builder.build());
  const clicks = driver.createInputTopic('clicks', string, string);
  const prices = driver.createInputTopic('prices', string, long);
  const out = driver.createOutputTopic('out', string, string);
  return {
    driver,
    click: (key: string, page: string | null, timestamp = 0) => clicks.pipeInput(key, page, { timestamp }),
    buy: (key: string, price: number, timestamp = 0) => prices.pipeInput(key, price, { timestamp }),
    read: () => out.readKeyValues().map(([key, value]) => `${key}=${value}`),
  };
}

test('streams of several types have one aggregate for each key, to which each adds in its own way', () => {
  const { builder, clicks, prices } = streams();
  cogrouped(clicks.groupByKey(), prices.groupByKey())
    .aggregate(() => ': ', { storeName: 'all', valueSerde: string })
    .toStream()
    .to('out');
  const topology = builder.build();
  expect(topology.copartitioned).toEqual([['clicks', 'prices']]);
  expect(topology.subtopologies).toHaveLength(1);
  const { click, buy, read, driver } = drive(builder);
  click('a', 'x');
  buy('a', 7);
  buy('b', 8);
  click('a', null);
  click('a', 'y');
  expect(read()).toEqual(['a=: x ', 'a=: x 7.5 ', 'b=: 8.5 ', 'a=: x 7.5 y ']);
  expect(driver.getKeyValueStore<string, { value: string }>('all').get('a')).toMatchObject({
    value: ': x 7.5 y ',
  });
});

test('streams whose keys were changed meet by way of topics, one of each', () => {
  const { builder, clicks, prices } = streams();
  const byPage = clicks.groupBy((_, page) => page, { keySerde: string });
  const byPrice = prices.groupBy((_, price) => `${price}`, { keySerde: string });
  cogrouped(byPage, byPrice)
    .aggregate(() => '', { storeName: 'all', valueSerde: string })
    .toStream()
    .to('out');
  expect(builder.build().repartitionTopics.map(({ name }) => name)).toEqual([
    'all-repartition',
    'all-1-repartition',
  ]);
  const { click, buy, read } = drive(builder);
  click('a', '7');
  buy('b', 7);
  expect(read()).toEqual(['7=7 ', '7=7 7.5 ']);
});

test('windows of several streams close by the time of all of them, and are told once', () => {
  const { builder, clicks, prices } = streams();
  const emit = 'on-window-close';
  cogrouped(clicks.groupByKey(), prices.groupByKey())
    .windowedBy(timeWindows({ sizeMs: 10, graceMs: 0 }), { emit })
    .aggregate(() => '', { valueSerde: string })
    .toStream()
    .selectKey(nameOf, { keySerde: string })
    .to('out');
  const { click, buy, read, driver } = drive(builder);
  click('a', 'x', 3);
  buy('a', 7, 9);
  buy('a', 8, 10);
  expect(read()).toEqual(['a@0-10=x 7.5 ']);
  click('a', 'late', 4);
  click('a', 'y', 20);
  expect(read()).toEqual(['a@10-20=8.5 ']);
  expect(driver.droppedRecords).toBe(1);
});

test('sliding windows and sessions may be of several streams, too', () => {
  const sliding = streams();
  cogrouped(sliding.clicks.groupByKey(), sliding.prices.groupByKey())
    .windowedBy(slidingWindows({ timeDifferenceMs: 10, graceMs: 50 }))
    .aggregate(() => '', { storeName: 's', valueSerde: string });
  const { click, buy, driver } = drive(sliding.builder);
  click('a', 'x', 20);
  buy('a', 7, 25);
  const all = [...driver.getWindowStore<string, string>('s').all()];
  expect(all.map(({ key, value }) => `${nameOf(key)}=${value.value}`)).toEqual([
    'a@10-20=x ',
    'a@15-25=x 7.5 ',
    'a@21-31=7.5 ',
  ]);

  const sessions = streams();
  cogrouped(sessions.clicks.groupByKey(), sessions.prices.groupByKey())
    .windowedBy(sessionWindows({ inactivityGapMs: 5, graceMs: 50 }))
    .aggregate(
      () => '',
      (_, one, other) => one + other,
      { storeName: 's', valueSerde: string },
    );
  const played = drive(sessions.builder);
  played.click('a', 'x', 20);
  played.buy('a', 7, 30);
  played.click('a', 'y', 25);
  const store = played.driver.getSessionStore<string, string>('s');
  expect(store.fetchSession('a', 20, 30)).toBe('x 7.5 y ');
});
