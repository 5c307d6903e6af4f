#!/usr/bin/env node
/** The `pvc` program: gives the CLI its process. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../runtime/clock.js';
import { runCli } from '../cli/main.js';

/** dist/api/bin/pvc.js -> the clone. */
const home = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

const { version } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')) as { version: string };

async function runInteractive(file: string, args: readonly string[], input?: string): Promise<number> {
  const { spawnProgram } = await import('../../actors/process.js');
  return await new Promise((resolve) => {
    const child = spawnProgram(file, args, {
      stdio: [input === undefined ? 'inherit' : 'pipe', 'inherit', 'inherit'],
    });
    child.on('error', () => resolve(127));
    child.on('close', (status) => resolve(status ?? 1));
    // A pager that is left early closes its end: no error of ours.
    child.stdin?.on('error', () => undefined).end(input);
  });
}

function onInterrupt(callback: () => void): () => void {
  process.on('SIGINT', callback);
  return () => void process.off('SIGINT', callback);
}

// `pvc ... | head` closes our stdout: that is the reader's right, and the end.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));

process.exitCode = await runCli(
  {
    argv: process.argv.slice(2),
    env: process.env,
    cwd: process.cwd(),
    hostname: hostname().split('.', 1)[0] ?? '',
    home,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    clock: systemClock,
    runInteractive,
    onInterrupt,
    parseYaml: async (text) => (await import('../config.js')).parseYaml(text),
  },
  { version },
);
