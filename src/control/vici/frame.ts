import { Malformed, Reader } from '../../lib/reader.ts';
import { fromUtf8, utf8 } from '../../lib/text.ts';
import { Writer } from '../../lib/writer.ts';
import { type Element, isList, type Message, type Value } from './message.ts';

/**
 * The VICI protocol of strongSwan, octet by octet. A packet on the wire is a 32-bit length and then:
 *
 *     type (8) [ name length (8) name ] [ message ]
 *
 * and a message is a row of elements, sections and lists closed by elements of their own:
 *
 *     1 section start: name      3 key and value: name, length (16), octets     4 list start: name
 *     2 section end                                                             5 list item: length (16), octets
 *                                                                               6 list end
 */
export type Packet =
  | {
      readonly type: 'request' | 'register' | 'unregister' | 'event';
      readonly name: string;
      readonly message: Message;
    }
  | {
      readonly type: 'response' | 'unknown-command' | 'confirm' | 'unknown-event';
      readonly message: Message;
    };

type PacketType = Packet['type'];

/** The longest packet either side takes, without its length field. */
export const PACKET_LIMIT = 512 * 1024;
/** The length field before each packet. */
export const LENGTH_OCTETS = 4;
const DEPTH_LIMIT = 32;

const TYPES: readonly PacketType[] = [
  'request',
  'response',
  'unknown-command',
  'register',
  'unregister',
  'confirm',
  'unknown-event',
  'event',
];
const NAMED: ReadonlySet<PacketType> = new Set(['request', 'register', 'unregister', 'event']);

const SECTION_START = 1;
const SECTION_END = 2;
const KEY_VALUE = 3;
const LIST_START = 4;
const LIST_ITEM = 5;
const LIST_END = 6;

/** What cannot be said in the protocol: a name or value too long, a packet beyond the limit. */
export class Unsayable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unsayable';
  }
}

/** `packet` with its length field. Throws Unsayable. */
export function encodePacket(packet: Packet): Uint8Array {
  const writer = new Writer().u32(0).u8(TYPES.indexOf(packet.type));
  if ('name' in packet) writeName(writer, packet.name);
  writeElements(writer, packet.message, 0);
  const length = writer.position - LENGTH_OCTETS;
  if (length > PACKET_LIMIT) throw new Unsayable(`a packet of ${length} octets, more than ${PACKET_LIMIT}`);
  writer.patchU32(0, length);
  return writer.finish();
}

/** Reads one packet, without its length field. Throws Malformed. */
export function decodePacket(octets: Uint8Array): Packet {
  const reader = new Reader(octets);
  const number = reader.u8('packet type');
  const type = TYPES[number];
  if (type === undefined) throw new Malformed(`packet type ${number} does not exist`, 0);
  if (isNamed(type)) return { type, name: readName(reader, 'packet name'), message: readMessage(reader) };
  return { type, message: readMessage(reader) };
}

function isNamed(type: PacketType): type is 'request' | 'register' | 'unregister' | 'event' {
  return NAMED.has(type);
}

function readMessage(reader: Reader): Message {
  const root: Record<string, Element> = Object.create(null);
  const open: Record<string, Element>[] = [root];
  while (reader.remaining > 0) {
    const at = reader.offset;
    const section = open.at(-1) as Record<string, Element>;
    const element = reader.u8('element type');
    switch (element) {
      case SECTION_START: {
        if (open.length > DEPTH_LIMIT)
          throw new Malformed(`sections nested more than ${DEPTH_LIMIT} deep`, at);
        const inner: Record<string, Element> = Object.create(null);
        add(section, readName(reader, 'section name'), inner, at);
        open.push(inner);
        break;
      }
      case SECTION_END:
        if (open.length === 1) throw new Malformed('section end without a section', at);
        open.pop();
        break;
      case KEY_VALUE: {
        const name = readName(reader, 'key');
        add(section, name, readValue(reader), at);
        break;
      }
      case LIST_START:
        add(section, readName(reader, 'list name'), readList(reader), at);
        break;
      default:
        throw new Malformed(`element type ${element} has no place here`, at);
    }
  }
  if (open.length > 1) throw new Malformed(`${open.length - 1} sections not closed`, reader.offset);
  return root;
}

function readList(reader: Reader): Value[] {
  const items: Value[] = [];
  for (;;) {
    const at = reader.offset;
    const element = reader.u8('list element');
    if (element === LIST_END) return items;
    if (element !== LIST_ITEM) throw new Malformed(`element type ${element} inside a list`, at);
    items.push(readValue(reader));
  }
}

function add(section: Record<string, Element>, name: string, element: Element, at: number): void {
  if (name in section) throw new Malformed(`the name "${name}" stands twice in a section`, at);
  section[name] = element;
}

/** Names are ASCII by definition; anything printable in UTF-8 is taken, since connections are named by people. */
function readName(reader: Reader, what: string): string {
  const at = reader.offset;
  const name = readText(reader.take(reader.u8(what), what));
  if (name === undefined) throw new Malformed(`${what} is no text`, at);
  return name;
}

function readValue(reader: Reader): Value {
  const octets = reader.take(reader.u16('value length'), 'value');
  return readText(octets) ?? octets.slice();
}

/** The text that `octets` encode; undefined when encoding it again would not give the same octets. */
function readText(octets: Uint8Array): string | undefined {
  if (octets.length >= 3 && octets[0] === 0xef && octets[1] === 0xbb && octets[2] === 0xbf) return undefined;
  try {
    return strict.decode(octets);
  } catch {
    return undefined;
  }
}

const strict = new TextDecoder('utf-8', { fatal: true });

function writeElements(writer: Writer, message: Message, depth: number): void {
  if (depth > DEPTH_LIMIT) throw new Unsayable(`sections nested more than ${DEPTH_LIMIT} deep`);
  for (const [name, element] of Object.entries(message)) {
    if (typeof element === 'string' || element instanceof Uint8Array) {
      writeName(writer.u8(KEY_VALUE), name);
      writeValue(writer, element, name);
    } else if (isList(element)) {
      writeName(writer.u8(LIST_START), name);
      for (const item of element) writeValue(writer.u8(LIST_ITEM), item, name);
      writer.u8(LIST_END);
    } else {
      writeName(writer.u8(SECTION_START), name);
      writeElements(writer, element, depth + 1);
      writer.u8(SECTION_END);
    }
  }
}

function writeName(writer: Writer, name: string): void {
  const octets = utf8(name);
  if (octets.length > 0xff)
    throw new Unsayable(`the name "${fromUtf8(octets.subarray(0, 32))}…" is longer than 255 octets`);
  writer.u8(octets.length).bytes(octets);
}

function writeValue(writer: Writer, value: Value, name: string): void {
  const octets = typeof value === 'string' ? utf8(value) : value;
  if (octets.length > 0xffff) throw new Unsayable(`the value of "${name}" is longer than 65535 octets`);
  writer.u16(octets.length).bytes(octets);
}
