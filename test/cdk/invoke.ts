import { createInterface } from 'node:readline';

/** Run by itself: imports the bundle that it is told and hands each line's event to the bundle's handler, as Lambda does. */
const { handler } = await import(process.argv[2]!);
const context = { getRemainingTimeInMillis: () => 60_000 };
for await (const line of createInterface(process.stdin)) {
  const answer = await handler(JSON.parse(line), context).catch(({ name, message }: Error) => ({
    errorType: name,
    errorMessage: message,
  }));
  console.log(JSON.stringify(answer));
}
process.exit();
