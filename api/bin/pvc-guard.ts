#!/usr/bin/env node
/**
 * pvc-guard [--run DIR] [--node NAME] [--port PORT]
 *
 * Runs beside pvcd, under the same supervision (systemd, or the rack's init), restarted always.
 * SIGTERM, SIGKILL or a crash end the guard only and stop no guest: the next instance reads the same
 * lease file and enforces the same deadline, an expired one at once.
 */
import { hostname, setPriority } from 'node:os';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { startAnswering } from '../../actors/guard/answer.js';
import { startGuard } from '../../actors/guard/guard.js';
import { readBootId } from '../../actors/guard/lease-file.js';
import { systemClock } from '../../runtime/clock.js';
import { GUARD_PORT } from '../../runtime/limits.js';
import { createLog } from '../../runtime/log.js';

const log = createLog('guard');

/** The guard must get the processor and must not be the one the kernel ends when memory is short. */
function claimPriority(): void {
  try {
    setPriority(-10);
    writeFileSync('/proc/self/oom_score_adj', '-1000');
  } catch (error) {
    log.warn('runs without priority', { error });
  }
}

function main(): void {
  const { values } = parseArgs({
    options: {
      run: { type: 'string', default: '/run/pvc' },
      node: { type: 'string', default: hostname().split('.', 1)[0] ?? '' },
      port: { type: 'string', default: String(GUARD_PORT) },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new Error(`--port: 1 to 65535, got ${values.port}`);
  claimPriority();
  const bootId = readBootId();
  log.info('starts', { node: values.node, bootId, lease: `${values.run}/lease`, port });
  const guard = startGuard({
    leasePath: `${values.run}/lease`, disarmPath: `${values.run}/disarmed`, bootId, clock: systemClock, log,
  });
  startAnswering({ node: values.node, bootId, port, clock: systemClock, log, status: guard.status });
}

try {
  main();
} catch (error) {
  log.error('cannot start', { error });
  process.exitCode = 2;
}
