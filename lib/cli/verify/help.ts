import { MAX_OPERATIONS, MAX_RECORDS } from './recorder.ts';

export const HELP = `
A topic of its own, wadi-verify-…, is written by idempotent producers, which send again what got no
answer, and by plain ones, which do not; consumers follow it, others ask for its end. Then one client
of each kind must succeed, everything is read, and what all of them were told is checked. Records and
requests of the cluster are paid for. The cluster has to take unsigned requests, since this command
cannot sign any yet: the local one does, and one deployed with authorization none.

The exit code is 0 if all properties hold that could be tested, 1 if one does not, or the cluster
cannot be reached or serves nothing. 503s, 500s, 429s and lost answers during the load are weather.

The topic is deleted at the end, unless a property does not hold or there is --keep; to remove one
that was kept: wadi topics delete wadi-verify-… (wadi topics list shows them). The first Ctrl-C (or
SIGTERM, SIGHUP) ends the run early, with the tables; the second one at once, without.

At most ${MAX_RECORDS} records and ${MAX_OPERATIONS} requests are remembered, in some 900 MB: then the run
ends too. After its time, it waits for the last answers: up to a minute, and longer for reading.

Examples:
  $ wadi verify --seconds 60
  $ wadi verify --url https://example.execute-api.eu-central-1.amazonaws.com --producers 32
  $ wadi verify --local --kill-every 3 --seconds 120
`;
