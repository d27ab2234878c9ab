import { PayloadType, ProtocolId } from '../../iana/ikev2.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import { type Flow, findNotify, first, type Message, type Reply } from '../flow.ts';
import type { IkeSa } from '../ike-sa.ts';
import { settle } from '../rivals.ts';
import { serveNewChild, temporaryFailure } from './create-child-new.ts';
import { serveRekeyChild } from './rekey-child.ts';
import { serveRekeyIke } from './rekey-ike.ts';

export { afterChildren, createChild } from './create-child-new.ts';

/** Answers a CREATE_CHILD_SA request, which may be any of three things (RFC 7296 §1.3). */
export function* serveCreateChildSa(sa: IkeSa, message: Message): Flow<Reply> {
  settle(sa);
  const proposals = first(message, PayloadType.SA)?.proposals ?? [];
  if (proposals[0]?.protocol === ProtocolId.IKE) return yield* serveRekeyIke(sa, message);
  // A child made now would come too late to move to the IKE SA's successor (RFC 7296 §2.25.2).
  if (sa.state !== 'ESTABLISHED') return temporaryFailure();
  const rekey = findNotify(message, NotifyStatus.REKEY_SA);
  return rekey === undefined ? yield* serveNewChild(sa, message) : yield* serveRekeyChild(sa, message, rekey);
}
