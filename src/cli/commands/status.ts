import type { Command } from 'commander';
import { type DaemonStatus, statusShape } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { duration, type Terminal, toJson } from '../terminal.ts';

type ConnectionView = DaemonStatus['connections'][number];
type IkeSaView = ConnectionView['ikeSas'][number];
type ChildSaView = IkeSaView['children'][number];

export function statusCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('status')
    .description('what is configured, what is up, and what failed last')
    .action(async (_options: object, command: Command) =>
      exit(await status(terminal, command.optsWithGlobals())),
    );
}

function status(terminal: Terminal, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const view = statusShape.decode(await client.request('cygnet-status'), 'status');
    terminal.out(options.json === true ? toJson(view) : renderStatus(view));
    return EXIT_OK;
  });
}

function renderStatus(view: DaemonStatus): string {
  const up = view.connections.filter(connection =>
    connection.ikeSas.some(ike => ike.state === 'ESTABLISHED'),
  ).length;
  const head = `${view.daemon} ${view.version}, up ${duration(view.now - view.startedAt)}, ${view.backend} back end, listening on ${view.listening.join(' ')}`;
  const connections = view.connections.flatMap(connection => renderConnection(connection, view.now));
  return [head, `${view.connections.length} configured, ${up} up`, ...connections].join('\n');
}

function renderConnection(connection: ConnectionView, now: number): string[] {
  const lines = [
    `${connection.name}: ${connection.localId ?? connection.localAddresses.join(',') ?? '%any'} … ${connection.remoteId ?? (connection.remoteAddresses.join(',') || '%any')}`,
  ];
  if (connection.ikeSas.length === 0) lines.push('  down');
  for (const ike of connection.ikeSas) lines.push(...renderIke(ike, now));
  const { lastFailure } = connection;
  if (lastFailure?.failure !== undefined && !connection.ikeSas.some(ike => ike.state === 'ESTABLISHED')) {
    lines.push(
      `  last failure ${duration(now - lastFailure.at)} ago as ${lastFailure.role}: ${lastFailure.failure.summary} (${lastFailure.failure.code}); see: cygnet explain ${connection.name}`,
    );
  }
  return lines;
}

function renderIke(ike: IkeSaView, now: number): string[] {
  const times = [
    ike.establishedAt === undefined ? undefined : `for ${duration(now - ike.establishedAt)}`,
    ike.rekeyAt === undefined ? undefined : `rekey in ${duration(ike.rekeyAt - now)}`,
    ike.phase,
  ].filter(part => part !== undefined);
  const nat =
    ike.natLocal || ike.natRemote ? ` NAT${ike.natLocal ? ' here' : ''}${ike.natRemote ? ' there' : ''}` : '';
  return [
    `  #${ike.id} ${ike.state} IKEv${ike.version} ${ike.role} ${ike.local} [${ike.localId ?? '?'}] … ${ike.remote} [${ike.remoteId ?? '?'}]${nat}`,
    `     ${[ike.proposal, ...times].filter(part => part !== undefined).join(', ')}`,
    ...ike.children.flatMap(child => renderChild(child, now)),
  ];
}

function renderChild(child: ChildSaView, now: number): string[] {
  const times = [
    child.installedAt === undefined ? undefined : `for ${duration(now - child.installedAt)}`,
    child.rekeyAt === undefined ? undefined : `rekey in ${duration(child.rekeyAt - now)}`,
    child.expiresAt === undefined ? undefined : `ends in ${duration(child.expiresAt - now)}`,
  ].filter(part => part !== undefined);
  return [
    `     ${child.name} #${child.id} ${child.state} ${child.mode}${child.udpEncapsulation ? ' in UDP' : ''} ${child.localTs.join(' ')} === ${child.remoteTs.join(' ')}`,
    `        ${child.protocol} ${child.spiIn} in ${child.bytesIn} B ${child.packetsIn} pkt, ${child.spiOut} out ${child.bytesOut} B ${child.packetsOut} pkt`,
    `        ${[child.proposal, ...times].join(', ')}`,
  ];
}
