#!/usr/bin/env node
import { runCli } from './runCli.ts';

// Whoever read our output has had enough of it (`wadi consume … | head`).
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

process.exitCode = await runCli(process.argv.slice(2), process);
