/** `pvc connection`: the list of clusters this user knows. None of these needs a running cluster. */
import type { Command, CommandContext } from '../command.js';
import type { Connection } from '../../client/connection.js';
import type { StatusObject } from '../../client/types.js';
import { CliError, EXIT } from '../exit.js';
import { formatOption, printFormatted } from '../format/json.js';
import { healthColour } from '../format/node.js';
import { table } from '../format/table.js';
import { chooseConnection, runningRacks, runningSimulation } from '../local.js';
import { connectionOf, isStored, readStore, storePath, writeStore } from '../store.js';

const DETAIL_TIMEOUT_MS = 5_000;

/** Every connection that -c accepts now: stored ones, "local" if there is one, running racks. "local" comes first. */
async function allConnections(context: CommandContext): Promise<Connection[]> {
  const { host } = context;
  const store = readStore(host);
  const found: Connection[] = [];
  try {
    found.push(await chooseConnection(host, 'local'));
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
  }
  for (const [name, entry] of Object.entries(store)) {
    if (isStored(entry) && name !== 'local') found.push(connectionOf(name, entry, host));
  }
  if (runningSimulation(host) !== null && !isStored(store['sim'])) found.push(await chooseConnection(host, 'sim'));
  for (const rack of runningRacks(host)) found.push(await chooseConnection(host, `rack:${rack.name}`));
  return found;
}

/** Hidden as PVC does it: small letters and digits become x. */
const masked = (key: string | null): string | null => key?.replaceAll(/[a-z0-9]/g, 'x') ?? null;

interface ListRow {
  readonly name: string;
  readonly description: string;
  readonly address: string;
  readonly port: number;
  readonly scheme: string;
  readonly api_key: string | null;
}

async function list(context: CommandContext): Promise<void> {
  const shown = context.values.flag('show-keys');
  const rows: ListRow[] = (await allConnections(context)).map((one) => ({
    name: one.name,
    description: one.description,
    address: one.host,
    port: one.port,
    scheme: one.scheme,
    api_key: shown ? one.apiKey : masked(one.apiKey),
  }));
  printFormatted(context, rows, {
    pretty: () =>
      table<ListRow>(
        [
          { title: 'Name', cell: (row) => row.name },
          { title: 'Description', cell: (row) => row.description },
          { title: 'Address', cell: (row) => row.address },
          { title: 'Port', cell: (row) => String(row.port) },
          { title: 'Scheme', cell: (row) => row.scheme },
          { title: 'API Key', cell: (row) => row.api_key ?? 'N/A' },
        ],
        rows,
        context.terminal.paint,
      ),
    raw: () => rows.map((row) => row.name).join('\n'),
    'json-prometheus': () =>
      JSON.stringify(
        rows.map((row) => ({
          targets: [`${row.address}:${row.port}`],
          labels: { job: 'pvc', pvc_cluster_name: `${row.name}: ${row.description}`, pvc_cluster_id: row.name },
        })),
        null,
        2,
      ),
  });
}

type DetailRow = Readonly<Record<string, string | number>>;

async function detailRow(context: CommandContext, connection: Connection): Promise<DetailRow> {
  let status: StatusObject = {};
  try {
    const reply = await (
      await context.apiFor(connection)
    ).call({ method: 'GET', path: '/status', timeoutMs: DETAIL_TIMEOUT_MS });
    if (reply.status === 200) status = reply.body as StatusObject;
  } catch {
    // A cluster that does not answer is a row of N/A, PVC's way: this command is for seeing which do.
  }
  const or = (value: string | number | null | undefined): string | number => value ?? 'N/A';
  return {
    name: connection.name,
    description: connection.description,
    health: or(status.cluster_health?.health),
    maintenance: or(status.maintenance),
    primary_node: or(status.primary_node),
    pvc_version: or(status.pvc_version),
    nodes: or(status.nodes?.['total']),
    vms: or(status.vms?.['total']),
    networks: or(status.networks),
    osds: or(status.osds?.['total']),
    pools: or(status.pools),
    volumes: or(status.volumes),
    snapshots: or(status.snapshots),
  };
}

async function detail(context: CommandContext): Promise<void> {
  const connections = await allConnections(context);
  const rows = await Promise.all(connections.map((one) => detailRow(context, one)));
  const column = (title: string, key: string): { title: string; cell: (row: DetailRow) => string } => ({
    title,
    cell: (row) => String(row[key]),
  });
  printFormatted(context, rows, {
    pretty: () =>
      table<DetailRow>(
        [
          column('Name', 'name'),
          column('Description', 'description'),
          {
            title: 'Health',
            cell: (row) => (row['health'] === 'N/A' ? 'N/A' : `${row['health']}%`),
            colour: (row) => healthColour(row['health'] ?? 'N/A', row['maintenance'] === 'true'),
          },
          column('Primary', 'primary_node'),
          column('Version', 'pvc_version'),
          column('Nodes', 'nodes'),
          column('VMs', 'vms'),
          column('Networks', 'networks'),
          column('OSDs', 'osds'),
          column('Pools', 'pools'),
          column('Volumes', 'volumes'),
          column('Snapshots', 'snapshots'),
        ],
        rows,
        context.terminal.paint,
      ),
  });
}

async function add(context: CommandContext): Promise<void> {
  const { values, host, terminal } = context;
  const name = values.positional('NAME');
  if (name.startsWith('rack:'))
    throw new CliError(EXIT.usage, 'Names beginning with "rack:" belong to running racks: choose another.');
  const scheme = values.toggle('ssl') === true ? 'https' : 'http';
  const address = values.text('address') ?? '';
  const port = values.number('port') ?? 7370;
  const store = readStore(host);
  store[name] = {
    description: values.text('description') ?? 'N/A',
    host: address,
    port,
    scheme,
    api_key: values.text('api-key') ?? null,
  };
  writeStore(host, store);
  terminal.print(`Added connection "${name}" (${scheme}://${address}:${port}) to client database`);
}

async function remove(context: CommandContext): Promise<void> {
  const { values, host, terminal } = context;
  const name = values.positional('NAME');
  const store = readStore(host);
  if (store[name] === undefined) {
    throw new CliError(
      EXIT.notFound,
      `No connection found with name "${name}" in ${storePath(host)}: "pvc connection list" shows them.`,
    );
  }
  delete store[name];
  writeStore(host, store);
  terminal.print(`Removed connection "${name}" from client database`);
}

const NAME = { name: 'NAME', required: true, help: 'Name of the connection.' } as const;

export const connectionCommands: readonly Command[] = [
  {
    path: ['connection', 'add'],
    summary: 'Add a cluster to the list of connections, or replace it.',
    positionals: [NAME],
    options: [
      { name: 'description', short: 'd', kind: 'text', value: 'TEXT', default: 'N/A', help: 'What this cluster is.' },
      {
        name: 'address',
        short: 'a',
        kind: 'text',
        value: 'HOST',
        required: true,
        help: 'Address or host name of its API.',
      },
      { name: 'port', short: 'p', kind: 'number', value: 'PORT', default: 7370, help: 'Port of its API.' },
      { name: 'api-key', short: 'k', kind: 'text', value: 'KEY', help: 'Key to send, if the API asks for one.' },
      {
        name: 'ssl',
        short: 's',
        kind: 'switch',
        off: { name: 'no-ssl', short: 'S' },
        help: 'Use https. [default: no]',
      },
    ],
    examples: ['pvc connection add home -a 10.0.0.10 -k 3c6a…', 'pvc -c home cluster status'],
    run: add,
  },
  {
    path: ['connection', 'remove'],
    summary: 'Forget a connection.',
    positionals: [NAME],
    examples: ['pvc connection remove home'],
    run: remove,
  },
  {
    path: ['connection', 'list'],
    summary: 'List the connections, with "local" and the racks running here.',
    options: [
      { name: 'show-keys', short: 'k', kind: 'flag', help: 'Show the keys instead of x.' },
      formatOption('pretty', 'raw', 'json', 'json-pretty', 'json-prometheus'),
    ],
    examples: ['pvc connection list', 'pvc connection list -k -f json'],
    run: list,
  },
  {
    path: ['connection', 'detail'],
    summary: 'Ask every connection for the status of its cluster.',
    options: [formatOption('pretty', 'json', 'json-pretty')],
    examples: ['pvc connection detail'],
    run: detail,
  },
];
