import type { Element, Message, Value } from '../../src/control/index.ts';

/** A packet as a proxy between swanctl and charon saw it. */
export interface Recorded {
  readonly from: 'swanctl' | 'charon';
  /** `request`, `response`, `register`, `confirm`, `event`, … */
  readonly type: string;
  readonly name: string;
  readonly message: Message;
}

const TYPES: Readonly<Record<string, string>> = {
  CMD_REQUEST: 'request',
  CMD_RESPONSE: 'response',
  EVENT_REGISTER: 'register',
  EVENT_CONFIRM: 'confirm',
  EVENT: 'event',
};

/** What stands for a value that was too long to be written down. */
export const CUT = '…';

/** The packets of a transcript (`peers/vici` of the data folder), in their order. */
export function readTranscript(text: string): readonly Recorded[] {
  const [, body = ''] = text.split(/^--- VICI .*\n/m);
  const blocks = body.split(/^(?=C> |<S )/m).slice(body.startsWith('C>') ? 0 : 1);
  return blocks.map(block => {
    const [head = '', ...lines] = block.split('\n');
    const match = /^(C>|<S) (\w+)(?: "([^"]*)")?/.exec(head);
    if (match === null) throw new Error(`no packet: ${head}`);
    const [, way, type = '', name = ''] = match;
    const content = lines.filter(line => line.startsWith('    ')).map(line => line.trim());
    return {
      from: way === 'C>' ? 'swanctl' : 'charon',
      type: TYPES[type] ?? type,
      name,
      message: section(content),
    };
  });
}

/** Takes lines off the front until the section that they begin is closed. */
function section(lines: string[]): Message {
  const message: Record<string, Element> = {};
  for (let line = lines.shift(); line !== undefined && line !== '}'; line = lines.shift()) {
    const opened = /^(.*?) ?\{$/.exec(line);
    const list = /^(\S+) = \[$/.exec(line);
    const single = /^(\S+) = (.*)$/s.exec(line);
    if (opened !== null) message[opened[1] as string] = section(lines);
    else if (list !== null) message[list[1] as string] = items(lines);
    else if (single !== null) message[single[1] as string] = value(single[2] as string);
    else throw new Error(`neither value, list nor section: ${line}`);
  }
  return message;
}

function items(lines: string[]): readonly Value[] {
  const found: Value[] = [];
  for (let line = lines.shift(); line !== undefined && line !== ']'; line = lines.shift())
    found.push(value(line));
  return found;
}

/** Text is in single quotes, or in double quotes where it has single ones; octets are in hex. */
function value(text: string): Value {
  if (/\(\d+ bytes text\)$/.test(text)) return CUT;
  const octets = /^0x([0-9a-f]*) \(\d+ bytes binary\)$/.exec(text);
  if (octets !== null) return Uint8Array.from(Buffer.from(octets[1] as string, 'hex'));
  if (/^0x[0-9a-f]*\.\.\..*binary\)$/.test(text)) return CUT;
  return text.slice(1, -1);
}
