import { writeSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';

const hangMs: number = workerData;
const STDERR = 2;

let what = 'before the first case';
let timer = watch();

parentPort!.on('message', (message: string) => {
  what = message;
  clearTimeout(timer);
  timer = watch();
});

function watch(): NodeJS.Timeout {
  return setTimeout(() => {
    writeSync(STDERR, `\nNothing has moved for ${hangMs} ms in: ${what}\n`);
    process.kill(process.pid, 'SIGKILL');
  }, hangMs);
}
