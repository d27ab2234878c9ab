import { type KeyExchange, keyExchangeOf } from '../../crypto/ke/key-exchange.ts';
import type { AcceptedProposal, Proposal } from '../../crypto/proposal.ts';
import { CryptoFailure, type CryptoProvider } from '../../crypto/provider.ts';
import { PayloadType, TransformType } from '../../iana/ikev2.ts';
import { NotifyError } from '../../iana/notify.ts';
import { KeMethod } from '../../iana/transforms.ts';
import type { Secret } from '../../lib/secret.ts';
import { Failed } from '../../policy/failure.ts';
import type { KePayload, NotifyPayload } from '../../wire/v2/payload.ts';
import { first, type Message, notify, Refused } from '../flow.ts';

/** Our half of a key exchange in CREATE_CHILD_SA: the payload to send, and what the peer's makes of it. */
export interface Half {
  readonly method: number;
  readonly payload: KePayload;
  finish(data: Uint8Array): Secret;
}

/** The key exchange methods that `proposals` name, best first, without NONE. */
function methodsOf(proposals: readonly Proposal[]): readonly number[] {
  const ids = proposals
    .flatMap(({ transforms }) => transforms)
    .filter(({ type, id }) => type === TransformType.KE && id !== KeMethod.NONE)
    .map(({ id }) => id);
  return [...new Set(ids)];
}

/** The method to begin with: `remembered` where it is still allowed, otherwise the first; NONE where there is none. */
export function firstGuess(proposals: readonly Proposal[], remembered: number): number {
  const methods = methodsOf(proposals);
  return methods.includes(remembered) ? remembered : (methods[0] ?? KeMethod.NONE);
}

/** Undefined for NONE. Throws Failed where the platform lacks the method. */
export function beginKeyExchange(provider: CryptoProvider, method: number): Half | undefined {
  if (method === KeMethod.NONE) return undefined;
  const exchange = available(provider, method);
  const { publicValue, finish } = exchange.initiate();
  return { method, payload: { type: PayloadType.KE, method, data: publicValue }, finish };
}

/**
 * The initiator's end of it: the shared secret, or undefined where the peer chose to do without. Throws Failed where
 * the answer does not go with what was sent.
 */
export function endKeyExchange(
  half: Half | undefined,
  chosen: AcceptedProposal,
  response: Message,
): Secret | undefined {
  if (chosen.keyExchange === KeMethod.NONE) return undefined;
  const payload = first(response, PayloadType.KE);
  if (half === undefined || half.method !== chosen.keyExchange || payload?.method !== half.method)
    throw new Failed({ code: 'peer/malformed', summary: 'the key exchange answered is not the one begun' });
  try {
    return half.finish(payload.data);
  } catch (error) {
    if (!(error instanceof CryptoFailure)) throw error;
    throw new Failed({ code: 'peer/malformed', summary: error.message });
  }
}

/**
 * The responder's whole part: its payload and the secret; nothing where the proposal has no key exchange. Throws
 * Refused for a value that is none, and gives the notify that names the method wanted when the peer guessed another.
 */
export function answerKeyExchange(
  provider: CryptoProvider,
  chosen: AcceptedProposal,
  request: Message,
): { readonly payloads: readonly KePayload[]; readonly secret?: Secret } | NotifyPayload {
  const method = chosen.keyExchange;
  if (method === KeMethod.NONE) return { payloads: [] };
  const theirs = first(request, PayloadType.KE);
  if (theirs?.method !== method)
    return notify(NotifyError.INVALID_KE_PAYLOAD, Uint8Array.of(method >> 8, method & 0xff));
  try {
    const { publicValue, sharedSecret } = available(provider, method).respond(theirs.data);
    return { payloads: [{ type: PayloadType.KE, method, data: publicValue }], secret: sharedSecret };
  } catch (error) {
    if (!(error instanceof CryptoFailure)) throw error;
    const failure = { code: 'peer/malformed', summary: error.message } as const;
    throw new Refused(notify(NotifyError.INVALID_SYNTAX), failure);
  }
}

/**
 * The method that INVALID_KE_PAYLOAD asks for (RFC 7296 §1.3). Throws Failed where we do not allow it or have tried
 * it already: so there are never more rounds than methods.
 */
export function methodAskedFor(
  refusal: NotifyPayload,
  proposals: readonly Proposal[],
  tried: ReadonlySet<number>,
): number {
  const { data } = refusal;
  const asked = data.length === 2 ? ((data[0] as number) << 8) | (data[1] as number) : KeMethod.NONE;
  const methods = methodsOf(proposals);
  if (methods.includes(asked) && !tried.has(asked)) return asked;
  throw new Failed({
    code: 'peer/invalid-ke',
    summary: `the peer wants key exchange method ${asked}, which ${tried.has(asked) ? 'it had already' : 'is not allowed here'}`,
    ours: methods.map(String),
    theirs: [String(asked)],
    notify: 'INVALID_KE_PAYLOAD',
  });
}

function available(provider: CryptoProvider, method: number): KeyExchange {
  const exchange = keyExchangeOf(provider, method);
  if (exchange === undefined)
    throw new Failed({
      code: 'local/unsupported',
      summary: `this platform lacks key exchange method ${method}`,
    });
  return exchange;
}
