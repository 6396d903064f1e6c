import { joinWindows, Serdes, type StreamsApplication, StreamsBuilder, sessionWindows } from '../index.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** How late the feed may tell of a quake. */
const GRACE = 10 * MINUTE;
const SWARM_QUAKES = 5;
const MAIN_SHOCK_MAGNITUDE = 5;

/** What is used of a feature of the USGS's feed. */
interface Quake {
  readonly id: string;
  readonly properties: {
    readonly type: string;
    readonly time: number;
    readonly mag: number;
    readonly place: string;
  };
}

interface Swarm {
  readonly quakes: number;
  readonly magnitude: number;
}

interface Aftershock {
  readonly id: string;
  readonly magnitude: number;
  readonly afterMs: number;
  readonly mainShock: { readonly id: string; readonly magnitude: number };
}

const { string, json } = Serdes;
const builder = new StreamsBuilder();

/** By region: "18km NNE of Hualian, Taiwan" is in Taiwan. Blasts are left out. */
const quakes = builder
  .stream('earthquakes', {
    ...{ keySerde: string, valueSerde: json<Quake>() },
    timestampExtractor: ({ value }) => value.properties.time,
  })
  .filter((_id, { properties }) => properties.type === 'earthquake')
  .selectKey((_id, { properties }) => properties.place.split(', ').at(-1)!)
  .repartition({ name: 'by-region', keySerde: string, partitions: 4 });

// Swarms: quakes of a region with no more than an hour between one and the next, told when they are over.
quakes
  .groupByKey()
  .windowedBy(sessionWindows({ inactivityGapMs: HOUR, graceMs: GRACE }), { emit: 'on-window-close' })
  .aggregate<Swarm>(
    () => ({ quakes: 0, magnitude: Number.MIN_SAFE_INTEGER }),
    (_region, { properties }, swarm) => both(swarm, { quakes: 1, magnitude: properties.mag }),
    (_region, one, other) => both(one, other),
    { storeName: 'swarms', valueSerde: json() },
  )
  .toStream()
  .filter((_session, { quakes }) => quakes >= SWARM_QUAKES)
  .map(({ key, window }, swarm) => [key, { ...swarm, ...window }], { keySerde: string, valueSerde: json() })
  .to('swarms');

// Aftershocks: weaker quakes in the region of a main shock, within a day after it.
quakes
  .filter((_region, { properties }) => properties.mag >= MAIN_SHOCK_MAGNITUDE)
  .join(
    quakes,
    (main, after): Aftershock => ({
      id: after.id,
      magnitude: after.properties.mag,
      afterMs: after.properties.time - main.properties.time,
      mainShock: { id: main.id, magnitude: main.properties.mag },
    }),
    // Behind the main shock, and so not itself.
    joinWindows({ beforeMs: -1, afterMs: DAY, graceMs: GRACE }),
    { storeName: 'shocks', valueSerde: json<Aftershock>() },
  )
  .filter((_region, { magnitude, mainShock }) => magnitude < mainShock.magnitude)
  .to('aftershocks');

function both(one: Swarm, other: Swarm): Swarm {
  return { quakes: one.quakes + other.quakes, magnitude: Math.max(one.magnitude, other.magnitude) };
}

/** Swarms, and aftershocks of strong quakes, in what topic `earthquakes` tells: features of the USGS's GeoJSON, in about the order of their times. */
export default { applicationId: 'earthquakes', topology: builder.build() } satisfies StreamsApplication;
