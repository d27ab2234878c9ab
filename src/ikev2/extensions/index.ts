import type { Failure } from '../../policy/failure.ts';
import type { Payload } from '../../wire/v2/payload.ts';
import { authLifetime } from './auth-lifetime.ts';
import { childless } from './childless.ts';
import type { Circumstances, Extension, Slot } from './extension.ts';
import { fragmentation } from './fragmentation.ts';
import { initialContact } from './initial-contact.ts';
import { mobike } from './mobike.ts';
import { multipleAuthentication } from './multiple-authentication.ts';
import { natDetection } from './nat-detection.ts';
import { ppk } from './ppk.ts';
import { privateNumbers } from './private-numbers.ts';
import { signatureHashes } from './signature-hashes.ts';

/** All there are, in the order in which their payloads stand in a message. */
const EXTENSIONS: readonly Extension[] = [
  natDetection,
  fragmentation,
  signatureHashes,
  childless,
  multipleAuthentication,
  ppk,
  initialContact,
  mobike,
  privateNumbers,
  authLifetime,
];

/** What rides along in our message in `slot`. */
export function offered(slot: Slot, circumstances: Circumstances): readonly Payload[] {
  const payloads: Payload[] = [];
  for (const extension of EXTENSIONS) payloads.push(...(extension.offer?.(slot, circumstances) ?? []));
  return payloads;
}

/** What rode along in the peer's message in `slot`: `circumstances.peer` knows it afterwards. */
export function heed(slot: Slot, payloads: readonly Payload[], circumstances: Circumstances): void {
  for (const extension of EXTENSIONS) extension.heed?.(slot, payloads, circumstances);
}

/** Why the peer's message in `slot` cannot be gone on with; undefined: it can. */
export function obstacleIn(
  slot: Slot,
  payloads: readonly Payload[],
  circumstances: Circumstances,
): Failure | undefined {
  for (const extension of EXTENSIONS) {
    const obstacle = extension.obstacle?.(slot, payloads, circumstances);
    if (obstacle !== undefined) return obstacle;
  }
  return undefined;
}
