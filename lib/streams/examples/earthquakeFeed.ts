/** A week of earthquakes, as the USGS told of them, in the order in which they happened: one a line, for `wadi produce earthquakes --type json`. */
import { readFile } from 'node:fs/promises';

const FILE = new URL('../../../node_modules/vega-datasets/data/earthquakes.json', import.meta.url);

const { features }: { features: { properties: { time: number } }[] } = JSON.parse(
  await readFile(FILE, 'utf8'),
);
for (const quake of features.toSorted((a, b) => a.properties.time - b.properties.time))
  console.log(JSON.stringify(quake));
