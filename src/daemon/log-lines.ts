import type { ChildSaStatus, IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { formatIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import { plainIdentity } from '../policy/identity.ts';
import type { Endpoint } from '../policy/sa.ts';
import { algorithmNames } from './commands/algorithm-names.ts';
import type { TracedDatagram } from './datagram-trace.ts';
import type { Gateway } from './gateway.ts';
import { messageInWords } from './message-words.ts';

/** charon's log groups, as far as there is something to say in them. */
type LogGroup = 'DMN' | 'MGR' | 'IKE' | 'CHD' | 'JOB' | 'CFG' | 'KNL' | 'NET' | 'ENC' | 'LIB';

/** One line as charon would log it, for its clients and for people who know its logs. */
export interface LogLine {
  readonly group: LogGroup;
  /** 0: what an audit wants, 1: what happens, 2 and more: detail. */
  readonly level: number;
  readonly connection?: string;
  readonly ike?: number;
  readonly text: string;
  readonly failure?: Failure;
}

/** All lines of a gateway, as they come about. */
export class LogFeed {
  readonly #listeners = new Map<(line: LogLine) => void, () => boolean>();

  constructor(gateway: Gateway) {
    gateway.on(event => {
      if (this.#isHeard()) for (const line of linesOf(event)) this.say(line);
    });
    gateway.onTraced(datagram => {
      if (this.#isHeard()) this.say(lineOfDatagram(datagram));
    });
  }

  /** Calls `listener` with each line, while `isListening` says so. Answers a function that ends it. */
  on(listener: (line: LogLine) => void, isListening: () => boolean = always): () => void {
    this.#listeners.set(listener, isListening);
    return () => this.#listeners.delete(listener);
  }

  /** Peers have a hand in some texts: what would steer a terminal, or end a line, is shown as `?`. */
  say({ text, ...rest }: LogLine): void {
    const line = { ...rest, text: text.replace(/\p{Cc}/gu, '?') };
    for (const [listener, isListening] of [...this.#listeners]) if (isListening()) listener(line);
  }

  /** Lines are made for somebody, or not at all. */
  #isHeard(): boolean {
    for (const isListening of this.#listeners.values()) if (isListening()) return true;
    return false;
  }
}

/** What an event is in charon's words, as far as charon has words for it. */
function linesOf(event: IkeEvent): readonly LogLine[] {
  switch (event.kind) {
    case 'ike-up':
      return established(event.ike, event.at);
    case 'ike-down':
      return [
        about(event.ike, 0, `deleting IKE_SA ${nameOf(event.ike)} between ${ends(event.ike)}`),
        about(event.ike, 0, ending('IKE_SA deleted', event.failure)),
      ];
    case 'ike-rekey':
      return [about(event.new, 0, `IKE_SA ${nameOf(event.new)} rekeyed between ${ends(event.new)}`)];
    case 'ike-update':
      return [
        ...changed(event.ike, 'local', event.from.local, event.ike.path.local),
        ...changed(event.ike, 'remote', event.from.remote, event.ike.path.remote),
      ];
    case 'child-up':
      return [
        { ...about(event.ike, 1, `selected proposal: ${childProposal(event.child)}`), group: 'CFG' },
        about(event.ike, 0, `CHILD_SA ${childName(event.child)} established ${facts(event.child)}`),
      ];
    case 'child-down':
      return [
        about(event.ike, 0, `closing CHILD_SA ${childName(event.child)} ${facts(event.child)}`),
        about(event.ike, 1, ending('CHILD_SA closed', event.failure)),
      ];
    case 'child-rekey':
      return [
        about(event.ike, 0, `inbound CHILD_SA ${childName(event.new)} established ${facts(event.new)}`),
        about(event.ike, 0, `outbound CHILD_SA ${childName(event.new)} established ${facts(event.new)}`),
        about(event.ike, 0, `closing CHILD_SA ${childName(event.old)} ${facts(event.old)}`),
      ];
    case 'failed':
      return [
        {
          group: 'IKE',
          level: 1,
          connection: event.connection,
          text: `${event.child === undefined ? '' : `establishing CHILD_SA '${event.child}' failed: `}${event.failure.summary}`,
          failure: event.failure,
        },
      ];
    case 'message':
      return lineOfMessage(event);
    case 'log':
      return [
        {
          group: GROUPS[event.group] ?? 'DMN',
          level: event.level === 'debug' ? 2 : 1,
          ...(event.connection === undefined ? {} : { connection: event.connection }),
          ...(event.ike === undefined ? {} : { ike: event.ike }),
          text: event.text,
        },
      ];
    case 'ike-keys':
    case 'child-keys':
      return [];
  }
}

function changed(ike: IkeSaStatus, end: string, from: Endpoint, to: Endpoint): readonly LogLine[] {
  const [before, after] = [endpoint(from), endpoint(to)];
  return before === after ? [] : [about(ike, 1, `${end} endpoint changed from ${before} to ${after}`)];
}

const GROUPS: Readonly<Record<string, LogGroup>> = {
  ike: 'IKE',
  chd: 'CHD',
  knl: 'KNL',
  net: 'NET',
  cfg: 'CFG',
  enc: 'ENC',
};

function lineOfDatagram({ direction, octets, path, ike, connection }: TracedDatagram): LogLine {
  const [here, there] = [endpoint(path.local), endpoint(path.remote)];
  return {
    group: 'NET',
    level: 1,
    ...(connection === undefined ? {} : { connection }),
    ...(ike === undefined ? {} : { ike }),
    text:
      direction === 'in'
        ? `received packet: from ${there} to ${here} (${octets} bytes)`
        : `sending packet: from ${here} to ${there} (${octets} bytes)`,
  };
}

function lineOfMessage(event: Extract<IkeEvent, { kind: 'message' }>): readonly LogLine[] {
  const { direction, text, ike, connection } = event;
  const line: LogLine = {
    group: 'ENC',
    level: 1,
    connection,
    ike,
    text: `${direction === 'in' ? 'parsed' : 'generating'} ${messageInWords(text)}`,
  };
  const begun = beginning(event);
  return begun === undefined ? [line] : [{ group: 'IKE', level: 0, connection, ike, text: begun }, line];
}

/** Who begins an IKE SA is told beside its first message, as in charon's log. */
function beginning({
  direction,
  text,
  ike,
  connection,
  path,
}: Extract<IkeEvent, { kind: 'message' }>): string | undefined {
  const [exchange = '', kind] = text.split(' ', 2);
  const mode = FIRST_MESSAGES[exchange];
  if (mode === undefined || kind !== 'request' || text.includes('N(COOKIE)')) return undefined;
  const isFirst = exchange === 'IKE_SA_INIT' || /[[ ]SA[\] ]/.test(text);
  const remote = formatIp(path.remote.address);
  if (!isFirst) return undefined;
  if (direction === 'out') return `initiating ${mode}IKE_SA ${connection}[${ike}] to ${remote}`;
  return mode === '' ? undefined : `${remote} is initiating a ${mode}IKE_SA`;
}

const FIRST_MESSAGES: Readonly<Record<string, string>> = {
  IKE_SA_INIT: '',
  MAIN_MODE: 'Main Mode ',
  AGGRESSIVE: 'Aggressive Mode ',
};

function established(ike: IkeSaStatus, at: number): readonly LogLine[] {
  const lines: LogLine[] = [];
  if (ike.proposal !== undefined) {
    const { encr, keySize, integ, prf, ke } = algorithmNames(ike.proposal, 'ike');
    const words = [keySize === undefined ? encr : `${encr}_${keySize}`, integ, prf, ke];
    const text = `selected proposal: IKE:${words.filter(word => word !== undefined).join('/')}`;
    lines.push({ ...about(ike, 1, text), group: 'CFG' });
  }
  if (ike.natLocal) lines.push(about(ike, 1, 'local host is behind NAT, sending keep alives'));
  if (ike.natRemote) lines.push(about(ike, 1, 'remote host is behind NAT'));
  lines.push(about(ike, 0, `IKE_SA ${nameOf(ike)} established between ${ends(ike)}`));
  if (ike.rekeyAt !== undefined)
    lines.push(about(ike, 1, `scheduling rekeying in ${seconds(ike.rekeyAt - at)}s`));
  if (ike.reauthAt !== undefined)
    lines.push(about(ike, 1, `scheduling reauthentication in ${seconds(ike.reauthAt - at)}s`));
  return lines;
}

/** What somebody asked for is no failure to people who read charon's log. */
function ending(asWished: string, failure: Failure | undefined): string {
  return failure === undefined || failure.code === 'local/stopped' ? asWished : failure.summary;
}

function about(ike: IkeSaStatus, level: number, text: string): LogLine {
  return { group: 'IKE', level, connection: ike.connection, ike: ike.id, text };
}

function nameOf(ike: IkeSaStatus): string {
  return `${ike.connection}[${ike.id}]`;
}

function childName(child: ChildSaStatus): string {
  return `${child.name}{${child.id}}`;
}

function ends(ike: IkeSaStatus): string {
  const side = (end: 'local' | 'remote', id: string | undefined): string =>
    `${formatIp(ike.path[end].address)}[${plainIdentity(id)}]`;
  return `${side('local', ike.localId)}...${side('remote', ike.remoteId)}`;
}

function facts({ spiIn, spiOut, localTs, remoteTs }: ChildSaStatus): string {
  return `with SPIs ${spi(spiIn)}_i ${spi(spiOut)}_o and TS ${localTs.join(' ')} === ${remoteTs.join(' ')}`;
}

function childProposal({ proposal, protocol, esn }: ChildSaStatus): string {
  const { encr, keySize, integ, ke } = algorithmNames(proposal, protocol);
  const words = [
    keySize === undefined ? encr : `${encr}_${keySize}`,
    integ,
    ke,
    esn ? 'EXT_SEQ' : 'NO_EXT_SEQ',
  ];
  return `${protocol.toUpperCase()}:${words.filter(word => word !== undefined).join('/')}`;
}

function endpoint({ address, port }: Endpoint): string {
  return `${formatIp(address)}[${port}]`;
}

function spi(value: number): string {
  return value.toString(16).padStart(8, '0');
}

function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1000));
}

function always(): boolean {
  return true;
}
