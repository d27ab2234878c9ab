import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { decodePacket, encodePacket, LENGTH_OCTETS, type Packet } from '../../src/control/vici/frame.ts';
import type { Element, Message, Value } from '../../src/control/vici/message.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { dataPath, withoutData } from '../data.ts';

// What swanctl and charon said to each other, packet by packet: the beginning of the octets, their number, and
// the message that another decoder read from them.
const FOLDER = 'peers/vici';

interface Recorded {
  readonly packet: Packet;
  readonly length: number;
  readonly beginning: string;
}

const TYPES: Readonly<Record<string, Packet['type']>> = {
  CMD_REQUEST: 'request',
  CMD_RESPONSE: 'response',
  CMD_UNKNOWN: 'unknown-command',
  EVENT_REGISTER: 'register',
  EVENT_UNREGISTER: 'unregister',
  EVENT_CONFIRM: 'confirm',
  EVENT_UNKNOWN: 'unknown-event',
  EVENT: 'event',
};

/** The packets of a transcript whose values all stand in it in full. */
function packetsOf(text: string): readonly Recorded[] {
  const lines = text.split('\n');
  const found: Recorded[] = [];
  for (const [i, line] of lines.entries()) {
    const head = /^(?:C>|<S) ([A-Z_]+)(?: "([^"]*)")? {3}\[(\d+) bytes: ([0-9a-f]+)/.exec(line);
    if (head === null) continue;
    const end = lines.findIndex((other, at) => at > i && !other.startsWith('    '));
    const body = lines.slice(i + 1, end < 0 ? undefined : end);
    // Long values are cut, and paths of the machine that recorded are replaced.
    if (body.some(part => /\.\.\.\s*\(\d+ bytes (text|binary)\)$|LAB\//.test(part))) continue;
    const message = new Body(body).message();
    const type = TYPES[head[1] as string] as Packet['type'];
    const packet = (head[2] === undefined ? { type, message } : { type, name: head[2], message }) as Packet;
    found.push({ packet, length: Number(head[3]), beginning: head[4] as string });
  }
  return found;
}

class Body {
  readonly #lines: readonly string[];
  #at = 0;

  constructor(lines: readonly string[]) {
    this.#lines = lines.map(line => line.trim());
  }

  message(): Message {
    const result: Record<string, Element> = Object.create(null);
    for (
      let line = this.#lines[this.#at++];
      line !== undefined && line !== '}';
      line = this.#lines[this.#at++]
    ) {
      if (line.endsWith('{')) result[line.slice(0, -1).trim()] = this.message();
      else {
        const [name, ...rest] = line.split(' = ');
        const value = rest.join(' = ');
        result[name as string] = value === '[' ? this.#list() : readValue(value);
      }
    }
    return result;
  }

  #list(): readonly Value[] {
    const items: Value[] = [];
    for (
      let line = this.#lines[this.#at++];
      line !== undefined && line !== ']';
      line = this.#lines[this.#at++]
    ) {
      items.push(readValue(line));
    }
    return items;
  }
}

function readValue(text: string): Value {
  const binary = /^0x([0-9a-f]*) \(\d+ bytes binary\)$/.exec(text);
  if (binary !== null) return fromHex(binary[1] as string) as Uint8Array;
  return text.slice(1, -1).replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
}

test('packets of swanctl and charon are written octet by octet as they wrote them', {
  skip: withoutData(FOLDER),
}, () => {
  let packets = 0;
  for (const file of readdirSync(dataPath(FOLDER)).filter(name => name.endsWith('.txt'))) {
    for (const { packet, length, beginning } of packetsOf(
      readFileSync(join(dataPath(FOLDER), file), 'utf8'),
    )) {
      const octets = encodePacket(packet).subarray(LENGTH_OCTETS);
      const what = `${file}: ${packet.type} ${'name' in packet ? packet.name : ''}`;
      assert.equal(octets.length, length, what);
      assert.equal(toHex(octets).slice(0, beginning.length), beginning, what);
      assert.deepEqual(encodePacket(decodePacket(octets)).subarray(LENGTH_OCTETS), octets, what);
      packets++;
    }
  }
  assert.ok(packets > 200, `${packets} packets`);
});
