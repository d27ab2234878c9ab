import type { V1Payload } from '../../wire/v1/payload.ts';
import { deadPeerDetection } from './dead-peer-detection.ts';
import type { Circumstances, Extension, Slot } from './extension.ts';
import { fragmentation } from './fragmentation.ts';
import { initialContact } from './initial-contact.ts';
import { natTraversal } from './nat-traversal.ts';
import { privateNumbers } from './private-numbers.ts';
import { unity } from './unity.ts';
import { xauth } from './xauth.ts';

/** All there are, in the order in which their payloads stand in a message. */
const EXTENSIONS: readonly Extension[] = [
  deadPeerDetection,
  xauth,
  unity,
  natTraversal,
  fragmentation,
  initialContact,
  privateNumbers,
];

/** What rides along in our message in `slot`. */
export function offered(slot: Slot, circumstances: Circumstances): readonly V1Payload[] {
  return EXTENSIONS.flatMap(extension => extension.offer?.(slot, circumstances) ?? []);
}

/** What rode along in the peer's message in `slot`: `circumstances.peer` knows it afterwards. */
export function heed(slot: Slot, payloads: readonly V1Payload[], circumstances: Circumstances): void {
  for (const extension of EXTENSIONS) extension.heed?.(slot, payloads, circumstances);
}
