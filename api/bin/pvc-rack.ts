#!/usr/bin/env node
/** `pvc-rack`: real cluster nodes on this machine. */
import { main } from '../../fixtures/rack/cli.js';

process.exit(await main(process.argv.slice(2), process.env['PVC_SIM_DIR']));
