import type { ChildSaStatus, IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { childFacts, childWords, proposalLines, spisOf, spiWord } from '../ike/steps.ts';
import { formatIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import { plainIdentity } from '../policy/identity.ts';
import type { ChildSaUsage, Endpoint } from '../policy/sa.ts';
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

/** A line whose turn has come, but not all that it says: `otherwise` is what it says without. */
interface Held {
  line: LogLine | undefined;
  readonly otherwise: LogLine;
}

/** More lines than these do not wait for one. */
const MOST_HELD = 1000;

/** All lines of a gateway, as they come about. */
export class LogFeed {
  readonly #listeners = new Map<(line: LogLine) => void, () => boolean>();
  readonly #held: Held[] = [];
  #settled: (() => void)[] = [];

  constructor(gateway: Gateway) {
    gateway.on(event => {
      if (!this.#isHeard()) return;
      if (event.kind === 'closing') this.#close(event, gateway);
      else for (const line of linesOf(event)) this.say(line);
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

  say(line: LogLine): void {
    if (this.#held.length === 0) this.#deliver(line);
    else this.#held.push({ line, otherwise: line });
    if (this.#held.length > MOST_HELD) this.#drain(true);
  }

  /** Resolves when every line has been told that came about so far. */
  async settled(): Promise<void> {
    if (this.#held.length > 0) await new Promise<void>(resolve => this.#settled.push(resolve));
  }

  /** What the child has carried is asked of the back end; what comes about meanwhile is told after it. */
  #close(event: ClosingEvent, gateway: Gateway): void {
    const held: Held = { line: undefined, otherwise: closingLine(event, undefined) };
    this.#held.push(held);
    const tell = (usage?: ChildSaUsage): void => {
      held.line = closingLine(event, usage);
      this.#drain(false);
    };
    gateway.usage(event.child.id).then(tell, () => tell());
  }

  #drain(atOnce: boolean): void {
    for (let [next] = this.#held; next !== undefined; [next] = this.#held) {
      if (next.line === undefined && !atOnce) return;
      this.#held.shift();
      this.#deliver(next.line ?? next.otherwise);
    }
    for (const resolve of this.#settled.splice(0)) resolve();
  }

  /** Peers have a hand in some texts: what would steer a terminal, or end a line, is shown as `?`. */
  #deliver({ text, ...rest }: LogLine): void {
    const line = { ...rest, text: text.replace(/\p{Cc}/gu, '?') };
    for (const [listener, isListening] of [...this.#listeners]) if (isListening()) listener(line);
  }

  /** Lines are made for somebody, or not at all. */
  #isHeard(): boolean {
    for (const isListening of this.#listeners.values()) if (isListening()) return true;
    return false;
  }
}

type ClosingEvent = Extract<IkeEvent, { kind: 'closing' }>;

function closingLine({ ike, connection, child }: ClosingEvent, usage: ChildSaUsage | undefined): LogLine {
  const [octetsIn, octetsOut] = [usage?.bytesIn ?? 0, usage?.bytesOut ?? 0];
  const spis = ({ spiIn, spiOut }: ChildSaStatus): string =>
    `${spiWord(spiIn)}_i (${octetsIn} bytes) ${spiWord(spiOut)}_o (${octetsOut} bytes)`;
  const text = `closing CHILD_SA ${child.name}{${child.id}} ${childFacts(child, spis)}`;
  return { group: 'IKE', level: 0, connection, ike, text };
}

/** What an event is in charon's words, as far as charon has words for it. */
function linesOf(event: IkeEvent): readonly LogLine[] {
  switch (event.kind) {
    case 'ike-up':
      return [
        about(event.ike, 0, `IKE_SA ${nameOf(event.ike)} established between ${ends(event.ike)}`),
        ...schedule(event.ike, event.at),
      ];
    case 'ike-down':
      return ending(event.ike, event.failure);
    case 'ike-rekey':
      return [
        ...schedule(event.new, event.at),
        about(event.new, 0, `IKE_SA ${nameOf(event.new)} rekeyed between ${ends(event.new)}`),
      ];
    case 'ike-update':
      return [
        ...changed(event.ike, 'local', event.from.local, event.ike.path.local),
        ...changed(event.ike, 'remote', event.from.remote, event.ike.path.remote),
      ];
    case 'child-up':
      return [about(event.ike, 0, `CHILD_SA ${childWords(event.child, spisOf)}`)];
    case 'child-down':
      return CHILD_ALONE.has(event.failure?.code ?? '') ? ending(event.ike, event.failure) : [];
    case 'child-rekey':
      // Of version 2 each direction is told when it comes about.
      if (event.ike.version === 2) return [];
      return [about(event.ike, 0, `CHILD_SA ${childWords(event.new, spisOf)}`)];
    case 'step':
      return [{ ...event, group: GROUPS[event.group] ?? 'IKE' }];
    case 'closing':
      // Told with what it carried, which has to be asked for first.
      return [];
    case 'failed':
      return [
        ...refusedProposals(event),
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
    case 'list-fetched':
    case 'ike-keys':
    case 'child-keys':
      return [];
  }
}

/** Of an IKE SA, which is refused before there is one that it could be told of. */
function refusedProposals({
  connection,
  role,
  failure,
}: Extract<IkeEvent, { kind: 'failed' }>): readonly LogLine[] {
  const { proposals } = failure;
  if (proposals !== 'ikev1' && proposals !== 'ikev2') return [];
  const lines = proposalLines(failure).map(text => ({ group: 'CFG', level: 1, connection, text }) as const);
  if (role === 'initiator') return lines;
  const text = proposals === 'ikev1' ? 'no proposal found' : 'received proposals unacceptable';
  return [...lines, { group: 'IKE', level: 1, connection, text }];
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
  const vendors = direction === 'in' && isFirst(text) ? vendorLines(text) : [];
  const more = vendors.map(words => ({ ...line, group: 'IKE' as const, text: words }));
  const begun = beginning(event);
  if (begun === undefined) return [line, ...more];
  const first: LogLine = { ...line, group: 'IKE', level: 0, text: begun };
  return direction === 'out' ? [first, line] : [line, ...more, first];
}

/** The messages of phase 1 that carry vendor IDs which say something to somebody. */
function isFirst(text: string): boolean {
  return /^(MAIN_MODE|AGGRESSIVE) /.test(text);
}

function vendorLines(text: string): readonly string[] {
  return [...text.matchAll(/ V\(([^)]*(?:\([^)]*\))?)\)/g)].map(
    ([, name = '']) => `received ${VENDORS[name] ?? name} vendor ID`,
  );
}

const VENDORS: Readonly<Record<string, string>> = {
  'RFC 3947': 'NAT-T (RFC 3947)',
  XAUTH: 'XAuth',
  'Cisco-Unity': 'Cisco Unity',
  'draft-ietf-ipsec-nat-t-ike-02 LF': 'draft-ietf-ipsec-nat-t-ike-02\\n',
};

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
  const begins = exchange === 'IKE_SA_INIT' || /[[ ]SA[\] ]/.test(text);
  const remote = formatIp(path.remote.address);
  if (!begins) return undefined;
  if (direction === 'out') return `initiating ${mode}IKE_SA ${connection}[${ike}] to ${remote}`;
  return mode === '' ? undefined : `${remote} is initiating a ${mode}IKE_SA`;
}

const FIRST_MESSAGES: Readonly<Record<string, string>> = {
  IKE_SA_INIT: '',
  MAIN_MODE: 'Main Mode ',
  AGGRESSIVE: 'Aggressive Mode ',
};

function schedule(ike: IkeSaStatus, at: number): readonly LogLine[] {
  const lines = [
    ['scheduling rekeying in', ike.rekeyAt],
    ['scheduling reauthentication in', ike.reauthAt],
    ['maximum IKE_SA lifetime', ike.expiresAt],
  ] as const;
  return lines.flatMap(([what, due]) =>
    due === undefined ? [] : [about(ike, 1, `${what} ${seconds(due - at)}s`)],
  );
}

/** What somebody asked for was told as it happened, at whichever end; anything else has a reason. */
function ending(ike: IkeSaStatus, failure: Failure | undefined): readonly LogLine[] {
  if (failure === undefined || AS_WISHED.has(failure.code)) return [];
  return [{ ...about(ike, 1, failure.summary), failure }];
}

/** What ends a child, and not the IKE SA with all its children. */
const CHILD_ALONE: ReadonlySet<string> = new Set(['peer/child-not-found', 'local/expired', 'kernel/expired']);

const AS_WISHED: ReadonlySet<string> = new Set(['local/stopped', 'local/superseded', 'peer/deleted']);

function about(ike: IkeSaStatus, level: number, text: string): LogLine {
  return { group: 'IKE', level, connection: ike.connection, ike: ike.id, text };
}

function nameOf(ike: IkeSaStatus): string {
  return `${ike.connection}[${ike.id}]`;
}

function ends(ike: IkeSaStatus): string {
  const side = (end: 'local' | 'remote', id: string | undefined): string =>
    `${formatIp(ike.path[end].address)}[${plainIdentity(id)}]`;
  return `${side('local', ike.localId)}...${side('remote', ike.remoteId)}`;
}

function endpoint({ address, port }: Endpoint): string {
  return `${formatIp(address)}[${port}]`;
}

function seconds(milliseconds: number): number {
  return Math.max(0, Math.round(milliseconds / 1000));
}

function always(): boolean {
  return true;
}
