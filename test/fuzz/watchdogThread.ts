import { writeSync } from 'node:fs';
import { Session } from 'node:inspector';
import { parentPort, workerData } from 'node:worker_threads';
import { caseOptions } from './property.ts';
import type { Watched } from './watchdog.ts';

const { hangMs, state }: Watched = workerData;
const MAX_FRAMES = 12;
const say = (text: string) => writeSync(2, `${text}\n`);

let round = { property: 'none', seed: 0 };
parentPort!.on('message', (message: typeof round) => {
  round = message;
});

let seen = 0;
let since = performance.now();
const timer = setInterval(() => {
  const beats = Atomics.load(state, 0);
  if (beats !== seen || beats === 0) {
    seen = beats;
    since = performance.now();
  } else if (performance.now() - since > hangMs) {
    clearInterval(timer);
    endProcess();
  }
}, 500);

/** Without the debugger nothing reaches a thread that never yields. */
function endProcess(): void {
  const { property, seed } = round;
  say(`\n${property}: a case has not ended for ${hangMs / 1000} s`);
  say(`Its input, and again: npm run fuzz -- ${caseOptions(property, seed, state[1]!)}`);
  const main = new Session();
  main.connectToMainThread();
  const urls = new Map<string, string>();
  main.on('Debugger.scriptParsed', ({ params: { scriptId, url } }) => urls.set(scriptId, url));
  main.on('Debugger.paused', ({ params: { callFrames } }) => {
    const frames = callFrames.slice(0, MAX_FRAMES).map(({ functionName, location }) => {
      const name = functionName === '' ? '(anonymous)' : functionName;
      return `    at ${name} (${urls.get(location.scriptId)}:${location.lineNumber + 1})`;
    });
    say(`It is\n${frames.join('\n')}`);
    main.post('Runtime.evaluate', { expression: 'process.reallyExit(1)' });
  });
  main.post('Debugger.enable');
  main.post('Debugger.pause');
  // A loop in native code takes no notice.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), 5_000);
}
