#!/usr/bin/env node
import { isBrokenPipe } from './printer.ts';
import { runCli } from './runCli.ts';

// Commands that print for long see it themselves, and end in order.
process.stdout.on('error', (error) => {
  if (!isBrokenPipe(error)) throw error;
});

process.exitCode = await runCli(process.argv.slice(2), process);
