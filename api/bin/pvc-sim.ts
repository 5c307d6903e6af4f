#!/usr/bin/env node
/** pvc-sim: a cluster in one process, in virtual time (fixtures/sim). */
import { runSimCli } from '../../fixtures/sim/cli.js';

process.exitCode = await runSimCli(process.argv.slice(2), {
  updateGolden: process.env['UPDATE_GOLDEN'] === '1', simDirectory: process.env['PVC_SIM_DIR'],
  out: (text) => void process.stdout.write(text), err: (text) => void process.stderr.write(text),
});
