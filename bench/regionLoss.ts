/**
 * What is lost with a region: `npm run drill:region-loss`. A local cluster of three regions in a process of its own, producers and
 * consumers at two of them, who fail over. Strong: first the third region is lost under load and comes back, then one where a
 * producer and a consumer are. Eventual: the home is lost, the operator makes another region home; then the old one is made home
 * again, while all are up. Every acknowledged record is looked for at the end through all fronts. Exit code 1 if one is lost that must not be.
 */
import { benchOptions } from './options.ts';
import { eventualDrill } from './regionLoss/eventual.ts';
import { strongDrill } from './regionLoss/strong.ts';

const options = benchOptions('drill:region-loss', 'What is lost, and for how long, when a region is lost.', {
  consistency: [['both', 'strong', 'eventual'], 'of the items: see npm start -- --help'],
  seconds: [8, 'that a region is lost, each time; a home, after the failover'],
  rate: [50, 'records a second of each of four producers'],
  valueBytes: [5_000, 'of a record; below 3,900 most are items, which every region has at once'],
});

const drills = { strong: strongDrill, eventual: eventualDrill };
let isWell = true;
for (const [consistency, drill] of Object.entries(drills)) {
  if (options.consistency === 'both' || options.consistency === consistency) {
    isWell = (await drill(options)) && isWell;
  }
}
process.exitCode = isWell ? 0 : 1;
