import type { DaemonStatus, ManualSaView } from '../control/index.ts';
import { duration, volume } from './terminal.ts';

type ConnectionView = DaemonStatus['connections'][number];
type IkeSaView = ConnectionView['ikeSas'][number];
type ChildSaView = IkeSaView['children'][number];

/** Cells of one line of the table, or a remark that stands below a line across all columns. */
type Line = readonly string[] | { readonly remark: string };

const HEAD = ['NAME', 'STATE', 'SINCE', 'RENEWS', 'LOCAL', 'REMOTE', 'IN', 'OUT'];

/**
 * What a person wants to see at once: one line for each connection, IKE SA and child, those that are configured and
 * not up among them. With `long`, algorithms, SPIs and counts stand below.
 */
export function renderStatus(view: DaemonStatus, long: boolean): string {
  const { connections, now } = view;
  const up = connections.filter(({ ikeSas }) => ikeSas.some(({ state }) => state === 'ESTABLISHED')).length;
  const head = `${view.daemon} ${view.version}, up ${duration(now - view.startedAt)}, ${view.backend} back end, listening on ${view.listening.join(' ')}`;
  const count = `${connections.length} configured, ${up} up`;
  const manual = view.manual ?? [];
  if (connections.length + manual.length === 0) return `${head}\n${count}`;
  const lines = [
    ...connections.flatMap(connection => connectionLines(connection, now, long)),
    ...manual.flatMap(sa => manualLines(sa, now, long)),
  ];
  return `${head}\n${count}\n\n${layOut([HEAD, ...lines])}`;
}

function connectionLines(connection: ConnectionView, now: number, long: boolean): Line[] {
  const { name, ikeSas, lastFailure } = connection;
  const lines: Line[] = [];
  if (ikeSas.length === 0) {
    const local = connection.localAddresses.join(',') || '%any';
    const remote = connection.remoteAddresses.join(',') || '%any';
    lines.push([
      name,
      'down',
      '',
      '',
      withId(local, connection.localId),
      withId(remote, connection.remoteId),
    ]);
    lines.push(...downChildren(connection, []));
  }
  for (const ike of ikeSas) lines.push(...ikeLines(connection, ike, now, long));
  if (lastFailure?.failure !== undefined && !ikeSas.some(({ state }) => state === 'ESTABLISHED')) {
    const { code, summary } = lastFailure.failure;
    lines.push({
      remark: `failed ${duration(now - lastFailure.at)} ago: ${summary} (${code}); see: cygnet explain ${name}`,
    });
  }
  return lines;
}

function ikeLines(connection: ConnectionView, ike: IkeSaView, now: number, long: boolean): Line[] {
  const lines: Line[] = [
    [
      connection.name,
      ike.state,
      since(ike.establishedAt, now),
      until(Math.min(ike.rekeyAt ?? Number.POSITIVE_INFINITY, ike.reauthAt ?? Number.POSITIVE_INFINITY), now),
      withId(ike.local, ike.localId ?? connection.localId, ike.natLocal),
      withId(ike.remote, ike.remoteId ?? connection.remoteId, ike.natRemote),
    ],
  ];
  if (ike.phase !== undefined) lines.push({ remark: ike.phase });
  lines.push(...virtualIpLines(ike));
  if (long) {
    lines.push({
      remark:
        `#${ike.id} IKEv${ike.version}${ike.tcp ? ' over TCP' : ''}${ike.mobike === true ? ' MOBIKE' : ''} ${ike.role} ${ike.initiatorSpi}:${ike.responderSpi} ${ike.proposal ?? ''}${ike.ppk === true ? '/PPK' : ''}`.trimEnd(),
    });
  }
  if (long && ike.remoteAddresses !== undefined)
    lines.push({ remark: ['the peer can be reached at', ...ike.remoteAddresses, 'too'].join(' ') });
  for (const child of ike.children) lines.push(...childLines(child, now, long));
  const isLast = connection.ikeSas.at(-1) === ike;
  const installed = connection.ikeSas.flatMap(({ children }) => children.map(({ name }) => name));
  return isLast ? [...lines, ...downChildren(connection, installed)] : lines;
}

function virtualIpLines({ localVips = [], remoteVips = [], received = [] }: IkeSaView): Line[] {
  const told = received.map(({ kind, value }) => `${kind} ${value}`);
  return [
    ...(localVips.length === 0 ? [] : [{ remark: ['virtual IP', ...localVips].join(' ') }]),
    ...(told.length === 0 ? [] : [{ remark: `told by the peer: ${told.join(', ')}` }]),
    ...(remoteVips.length === 0
      ? []
      : [{ remark: ['virtual IP', ...remoteVips, 'given to the peer'].join(' ') }]),
  ];
}

function childLines(child: ChildSaView, now: number, long: boolean): Line[] {
  const line = [
    `  ${child.name}`,
    child.state,
    since(child.installedAt, now),
    until(child.rekeyAt, now),
    child.localTs.join(' '),
    child.remoteTs.join(' '),
    volume(child.bytesIn),
    volume(child.bytesOut),
  ];
  if (!long) return [line];
  const wrapped = child.udpEncapsulation ? ' in UDP' : '';
  const compressed =
    child.cpiIn === undefined ? '' : `, compressed with CPIs ${child.cpiIn} in ${child.cpiOut} out`;
  const packets = `${child.packetsIn} packets in, ${child.packetsOut} out`;
  const remark = `#${child.id} reqid ${child.reqid} ${child.protocol} ${child.mode}${wrapped}, SPIs ${child.spiIn} in ${child.spiOut} out${compressed}, ${child.proposal}, ${packets}`;
  return [line, { remark }];
}

/** SAs with given keys, as a table of their own. */
export function renderManual(sas: readonly ManualSaView[], now: number): string {
  return layOut([HEAD, ...sas.flatMap(sa => manualLines(sa, now, true))]);
}

function manualLines(sa: ManualSaView, now: number, long: boolean): Line[] {
  const ends = sa.expiresAt === undefined ? '' : `ends ${until(sa.expiresAt, now)}`;
  const head = [sa.name, sa.state === 'INSTALLED' ? 'manual' : sa.state, since(sa.installedAt, now), ends];
  const lines: Line[] = [
    [...head, sa.local, sa.remote],
    ['', '', '', '', sa.localTs.join(' '), sa.remoteTs.join(' '), volume(sa.bytesIn), volume(sa.bytesOut)],
  ];
  if (sa.failure !== undefined) lines.push({ remark: `${sa.failure.summary} (${sa.failure.code})` });
  if (!long) return lines;
  const wrapped = sa.udpEncapsulation ? ' in UDP' : '';
  const packets = `${sa.packetsIn} packets in, ${sa.packetsOut} out`;
  const remark = `reqid ${sa.reqid} ${sa.protocol} ${sa.mode}${wrapped}, SPIs ${sa.spiIn} in ${sa.spiOut} out, ${sa.proposal}, ${packets}`;
  return [...lines, { remark }];
}

/** Children that are configured and not installed. */
function downChildren({ children }: ConnectionView, installed: readonly string[]): Line[] {
  return children
    .filter(({ name }) => !installed.includes(name))
    .map(({ name, localTs, remoteTs, startAction }) => {
      const state = startAction.includes('trap') ? 'trap' : 'down';
      return [`  ${name}`, state, '', '', localTs.join(' '), remoteTs.join(' ')];
    });
}

function withId(address: string, id: string | undefined, isBehindNat = false): string {
  const nat = isBehindNat ? ' (NAT)' : '';
  return id === undefined || id === '%any' ? `${address}${nat}` : `${address}${nat} ${id}`;
}

function since(at: number | undefined, now: number): string {
  return at === undefined ? '' : duration(now - at);
}

function until(at: number | undefined, now: number): string {
  return at === undefined || !Number.isFinite(at) ? '' : duration(at - now);
}

/** Columns as wide as their widest cell, two blanks between them; remarks are indented below. */
function layOut(lines: readonly Line[]): string {
  const rows = lines.filter((line): line is readonly string[] => !('remark' in line));
  const widths = HEAD.map((_, column) => Math.max(...rows.map(row => (row[column] ?? '').length)));
  return lines
    .map(line => {
      if ('remark' in line) return `      ${line.remark}`;
      return line
        .map((cell, column) => cell.padEnd(widths[column] as number))
        .join('  ')
        .trimEnd();
    })
    .join('\n');
}
