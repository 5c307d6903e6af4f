/**
 * Where "local" is: this machine's own configuration, else a rack or a simulation that runs here. And which connection
 * a command uses at all.
 */
import { existsSync, readFileSync, readdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Connection } from '../client/connection.js';
import { CliError, EXIT } from './exit.js';
import type { CliHost } from './host.js';
import { nearMiss } from '../near-miss.js';
import { connectionOf, isStored, readStore } from './store.js';

const CONFIG_FILE = '/etc/pvc/pvc.conf';
const RACKS_DIRECTORY = '/run/pvc-rack';

/** What a running rack leaves in `/run/pvc-rack/<name>/connection.json`. */
interface RackFile {
  readonly name: string;
  readonly description: string;
  readonly host: string;
  readonly port: number;
  readonly scheme: 'http' | 'https';
  readonly api_key: string | null;
  /** The clone that started it. */
  readonly repo: string;
}

/** What a simulation (`npm run sim`) leaves in `.pvc-sim` of its clone, or where PVC_SIM_DIR says. */
interface SimulationFile extends RackFile {
  readonly pid: number;
}

const cfgPath = (host: CliHost): string => host.env['PVC_CONFIG_FILE'] ?? CONFIG_FILE;
const racksPath = (host: CliHost): string => host.env['PVC_RACK_DIR'] ?? RACKS_DIRECTORY;

export function runningRacks(host: CliHost): RackFile[] {
  const directory = racksPath(host);
  if (!existsSync(directory)) return [];
  const racks: RackFile[] = [];
  for (const name of readdirSync(directory).sort()) {
    try {
      racks.push({
        name,
        ...(JSON.parse(readFileSync(join(directory, name, 'connection.json'), 'utf8')) as Partial<RackFile>),
      } as RackFile);
    } catch {
      // A rack that is only just coming up or going down has no readable file: it is not there yet.
    }
  }
  return racks;
}

/** The simulation that runs from this clone; null = none, or one that ended badly and left its file. */
export function runningSimulation(host: CliHost): SimulationFile | null {
  const directory = host.env['PVC_SIM_DIR'] ?? join(host.home, '.pvc-sim');
  try {
    const file = JSON.parse(readFileSync(join(directory, 'connection.json'), 'utf8')) as SimulationFile;
    process.kill(file.pid, 0);
    return file;
  } catch {
    return null;
  }
}

const rackConnection = (rack: RackFile, name: string): Connection => ({
  name,
  description: rack.description,
  host: rack.host,
  port: rack.port,
  scheme: rack.scheme,
  apiKey: rack.api_key,
  verifySsl: false,
});

/** The connection for this invocation. `wanted` is -c or PVC_CONNECTION; null means "local". */
export async function chooseConnection(host: CliHost, wanted: string | null): Promise<Connection> {
  if (wanted === null) return await localConnection(host, null);
  if (wanted.startsWith('rack:')) return chosenRack(host, wanted.slice('rack:'.length));
  const store = readStore(host);
  const entry = store[wanted];
  if (isStored(entry)) return connectionOf(wanted, entry, host);
  if (wanted === 'local' || entry !== undefined) return await localConnection(host, entry?.cfgfile ?? null);
  const simulation = runningSimulation(host);
  if (wanted === 'sim' && simulation !== null) return rackConnection(simulation, 'sim');
  const running = [...(simulation === null ? [] : ['sim']), ...runningRacks(host).map((rack) => `rack:${rack.name}`)];
  const known = [...Object.keys(store), ...running];
  const guess = nearMiss(wanted, known);
  throw new CliError(
    EXIT.usage,
    `There is no connection "${wanted}"${guess === null ? '' : ` (did you mean "${guess}"?)`}: ` +
      `${known.length === 0 ? '' : `known are ${known.join(', ')}; `}` +
      `add one with "pvc connection add ${wanted} -a ADDRESS -k KEY".`,
  );
}

function chosenRack(host: CliHost, name: string): Connection {
  const racks = runningRacks(host);
  const rack = racks.find((one) => one.name === name);
  if (rack !== undefined) return rackConnection(rack, `rack:${name}`);
  throw new CliError(
    EXIT.usage,
    `No rack "${name}" is running here: ${
      racks.length === 0
        ? 'start one with "npm start".'
        : `there is ${racks.map((one) => `rack:${one.name}`).join(', ')}.`
    }`,
  );
}

async function localConnection(host: CliHost, cfgfile: string | null): Promise<Connection> {
  const path = cfgfile !== null && existsSync(cfgfile) ? cfgfile : cfgPath(host);
  if (existsSync(path)) return await configuredConnection(host, path);
  const simulation = runningSimulation(host);
  const racks = runningRacks(host);
  const home = realPath(host.home);
  const own = racks.filter((rack) => realPath(rack.repo) === home);
  if (simulation !== null && own.length > 0) {
    throw new CliError(
      EXIT.usage,
      `A simulation and a rack are running from this clone: choose one with -c sim or -c rack:${own[0]?.name ?? ''}.`,
    );
  }
  if (simulation !== null) return rackConnection(simulation, 'local');
  const rack = own.length === 1 ? own[0] : own.length === 0 && racks.length === 1 ? racks[0] : undefined;
  if (rack !== undefined) return rackConnection(rack, 'local');
  if (racks.length > 1) {
    throw new CliError(
      EXIT.usage,
      `${racks.length} racks are running here (${racks.map((one) => one.name).join(', ')}): ` +
        `choose one with -c rack:${(own[0] ?? racks[0])?.name ?? ''}.`,
    );
  }
  throw new CliError(
    EXIT.unreachable,
    `There is no cluster to talk to: no ${path} and no running rack. ` +
      'Start one with "npm start" (or "npm run sim", simulated), ' +
      'or add a connection with "pvc connection add NAME -a ADDRESS -k KEY".',
  );
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** PVC's own reading of pvc.conf: the first token; a wildcard listener is reached by loopback. */
async function configuredConnection(host: CliHost, path: string): Promise<Connection> {
  const { readApiSection } = await import('./config-file.js');
  const api = await readApiSection(host, path);
  const wildcard = api.address === '0.0.0.0' || api.address === '::';
  return {
    name: 'local',
    description: path,
    host: wildcard ? '127.0.0.1' : api.address,
    port: api.port,
    scheme: api.ssl ? 'https' : 'http',
    apiKey: api.token,
    verifySsl: false,
  };
}
