import type { IpAddress } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { type NetlinkMessage, readAttributes } from '../../sys/netlink/message.ts';
import { AF_INET } from '../../sys/socket-address.ts';
import { Attribute, Message, Protocol } from './numbers.ts';
import { type KernelState, readState } from './state.ts';

/** What the kernel tells without being asked. */
export type KernelEvent =
  | { readonly kind: 'expire'; readonly state: KernelState; readonly hard: boolean }
  | {
      readonly kind: 'acquire';
      readonly reqid: number;
      readonly source: IpAddress;
      readonly destination: IpAddress;
      readonly protocol: number;
    }
  | {
      readonly kind: 'mapping';
      readonly spi: number;
      readonly destination: IpAddress;
      readonly address: IpAddress;
      readonly port: number;
    }
  /** Somebody moved an SA, and the policies of one direction with it, to other addresses. */
  | { readonly kind: 'migrate'; readonly reqid: number; readonly from: Ends; readonly to: Ends };

interface Ends {
  readonly source: IpAddress;
  readonly destination: IpAddress;
}

/** Where the parts of struct xfrm_user_expire lie. */
const EXPIRE_LENGTH = 232;
const HARD_AT = 224;
/** struct xfrm_user_acquire: the packet's selector, and its length. */
const ACQUIRE_LENGTH = 280;
const SELECTOR_AT = 40;
const SELECTOR_SOURCE_AT = SELECTOR_AT + 16;
const SELECTOR_FAMILY_AT = SELECTOR_AT + 40;
const SELECTOR_PROTOCOL_AT = SELECTOR_AT + 44;
/** struct xfrm_user_tmpl */
const TEMPLATE_LENGTH = 64;
const TEMPLATE_REQID_AT = 44;
/** struct xfrm_user_mapping */
const MAPPING_LENGTH = 64;
const MAPPING_FAMILY_AT = 20;
const NEW_SOURCE_AT = 44;
const NEW_PORT_AT = 62;

/** struct xfrm_userpolicy_id; behind it struct xfrm_user_migrate as attributes. */
const MIGRATE_LENGTH = 64;
const MIGRATION_LENGTH = 76;
const MIGRATION_PROTOCOL_AT = 64;
const MIGRATION_REQID_AT = 68;

/** Undefined for messages of other kinds. Throws Malformed. */
export function readEvent({ type, body }: NetlinkMessage): KernelEvent | undefined {
  switch (type) {
    case Message.EXPIRE:
      return { kind: 'expire', state: readState(body, EXPIRE_LENGTH), hard: body[HARD_AT] !== 0 };
    case Message.ACQUIRE:
      return readAcquire(body);
    case Message.MAPPING:
      return readMapping(body);
    case Message.MIGRATE:
      return readMigration(body);
    default:
      return undefined;
  }
}

function readAcquire(body: Uint8Array): KernelEvent {
  if (body.length < ACQUIRE_LENGTH) throw new Malformed('xfrm_user_acquire cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const length = lengthOf(view.getUint16(SELECTOR_FAMILY_AT, true));
  const template = readAttributes(body, ACQUIRE_LENGTH).get(Attribute.TMPL);
  if (template === undefined || template.length < TEMPLATE_LENGTH)
    throw new Malformed('xfrm_user_acquire without a template', ACQUIRE_LENGTH);
  return {
    kind: 'acquire',
    reqid: new DataView(template.buffer, template.byteOffset).getUint32(TEMPLATE_REQID_AT, true),
    source: body.slice(SELECTOR_SOURCE_AT, SELECTOR_SOURCE_AT + length),
    destination: body.slice(SELECTOR_AT, SELECTOR_AT + length),
    protocol: body[SELECTOR_PROTOCOL_AT] as number,
  };
}

function readMapping(body: Uint8Array): KernelEvent {
  if (body.length < MAPPING_LENGTH) throw new Malformed('xfrm_user_mapping cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const length = lengthOf(view.getUint16(MAPPING_FAMILY_AT, true));
  return {
    kind: 'mapping',
    spi: view.getUint32(16),
    destination: body.slice(0, length),
    address: body.slice(NEW_SOURCE_AT, NEW_SOURCE_AT + length),
    port: view.getUint16(NEW_PORT_AT),
  };
}

function readMigration(body: Uint8Array): KernelEvent | undefined {
  if (body.length < MIGRATE_LENGTH) throw new Malformed('xfrm_userpolicy_id cut short', 0);
  const migration = readAttributes(body, MIGRATE_LENGTH).get(Attribute.MIGRATE);
  if (migration === undefined || migration.length < MIGRATION_LENGTH)
    throw new Malformed('a migration that does not say what of', MIGRATE_LENGTH);
  // Compression goes along with what protects it.
  if (migration[MIGRATION_PROTOCOL_AT] === Protocol.ipcomp) return undefined;
  const view = new DataView(migration.buffer, migration.byteOffset, migration.length);
  const ends = (at: number, familyAt: number): Ends => {
    const length = lengthOf(view.getUint16(familyAt, true));
    return {
      destination: migration.slice(at, at + length),
      source: migration.slice(at + 16, at + 16 + length),
    };
  };
  return {
    kind: 'migrate',
    reqid: view.getUint32(MIGRATION_REQID_AT, true),
    from: ends(0, MIGRATION_REQID_AT + 4),
    to: ends(32, MIGRATION_REQID_AT + 6),
  };
}

function lengthOf(family: number): 4 | 16 {
  return family === AF_INET ? 4 : 16;
}
