import { ExchangeType, PayloadType } from '../iana/ikev2.ts';
import { NotifyError } from '../iana/notify.ts';
import { Rate } from '../ike/rate.ts';
import type { Protocol, Session } from '../ike/session.ts';
import { EMPTY, toHex } from '../lib/bytes.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import { encodeMessage } from '../wire/v2/message.ts';
import { Cookies } from './cookies.ts';
import { HalfOpen } from './half-open.ts';
import type { EngineHost } from './host.ts';

const CROWDED: Failure = { code: 'local/half-open-limit', summary: 'too many negotiations are under way' };

/** Errors outside of any SA are told to strangers this often: they cost us more than what they bring. */
const ERRORS_PER_SECOND = 10;

const REFUSALS_KEPT = 64;

/** Messages that come to nothing cost us a choice, or a key exchange: beyond so many of them cookies come first. */
const REFUSALS_PER_SECOND = 25;
const PRESSURE: Duration = 10 * SECOND;

/**
 * Messages that belong to no SA of ours: who begins one, who has lost one, who speaks another version. Until an
 * address has proved that it receives what is sent to it, no state is made for it when there is much of it already,
 * and never is more sent to it than came (RFC 7296 §2.6, RFC 8019 §4).
 */
export class Strangers {
  readonly #host: EngineHost;
  readonly #protocols: readonly Protocol[];
  readonly #halfOpen = new HalfOpen<Session>();
  readonly #refusalRate = new Rate(REFUSALS_PER_SECOND, 2 * REFUSALS_PER_SECOND);
  #pressedUntil: Instant = Number.NEGATIVE_INFINITY;
  readonly #errors = new Rate(ERRORS_PER_SECOND, 2 * ERRORS_PER_SECOND);
  /** What first messages were answered with that made no state, by their digest; the youngest. */
  readonly #refusals = new Map<string, Uint8Array>();
  #cookies: Cookies | undefined;

  constructor(host: EngineHost, protocols: readonly Protocol[]) {
    this.#host = host;
    this.#protocols = protocols;
  }

  /** A datagram whose header names no SPI of ours. */
  receive(datagram: Uint8Array, header: Header, path: Path): void {
    const protocol = this.#protocols.find(({ version }) => version === header.majorVersion);
    if (protocol === undefined) {
      // RFC 7296 §2.5: of versions below ours nothing is said.
      if (header.majorVersion > 2) this.#tellError(header, path, NotifyError.INVALID_MAJOR_VERSION);
      return;
    }
    if (header.responderSpi !== 0n) {
      if (header.majorVersion === 2 && header.exchangeType !== ExchangeType.IKE_SA_INIT)
        this.#tellError(header, path, NotifyError.INVALID_IKE_SPI);
      return;
    }
    const digest = this.#digestOf(datagram, path);
    const known = this.#halfOpen.find(digest);
    const refusal = this.#refusals.get(digest);
    if (known !== undefined) known.repeat(path);
    else if (refusal !== undefined) this.#host.transmit(refusal, path);
    else this.#begin(protocol, datagram, header, path, digest);
  }

  /** The session is no longer half open. */
  settled(session: Session): void {
    this.#halfOpen.delete(session);
  }

  /** Another configuration may accept what was refused. */
  reconsider(): void {
    this.#refusals.clear();
  }

  #begin(protocol: Protocol, datagram: Uint8Array, header: Header, path: Path, digest: string): void {
    const { settings, now } = this.#host;
    const { remote } = path;
    const byCount = this.#halfOpen.verdict(remote.address, settings, now);
    const verdict = byCount === 'serve' && now < this.#pressedUntil ? 'cookie' : byCount;
    if (verdict === 'drop') return;
    // A TCP connection has shown already that its address receives (RFC 9329 §6.3).
    const isProven = path.tcp === true;
    if (settings.ikeSaLimit > 0 && this.#host.size >= settings.ikeSaLimit) return;
    const first = protocol.read(this.#host, datagram, header, path);
    if (first === undefined) return;
    const { nonce, cookie } = first;
    if (verdict === 'cookie' && first.costly === true) return;
    if (verdict === 'cookie' && !isProven && nonce !== undefined) {
      const cookies = this.#cookiesAt(now);
      if (cookie === undefined || !cookies.accepts(cookie, nonce, header.initiatorSpi, remote, now)) {
        first.demandCookie(cookies.make(nonce, header.initiatorSpi, remote, now));
        return;
      }
    }
    // The longest half open makes room: whoever fills the table must not shut out those who come after.
    if (this.#halfOpen.size >= settings.halfOpenLimit) this.#halfOpen.oldest?.close(CROWDED);
    const life = verdict === 'cookie' ? settings.halfOpenTimeout / 2 : settings.halfOpenTimeout;
    const outcome = first.accept(life);
    if (outcome === undefined) return;
    if ('refusal' in outcome) this.#refuse(digest, outcome.refusal, path);
    else this.#halfOpen.add(digest, remote.address, outcome);
  }

  /** Who is refused asks again: it gets the same answer, and nobody is told of it again. */
  #refuse(digest: string, refusal: Uint8Array, path: Path): void {
    this.#host.transmit(refusal, path);
    if (!this.#refusalRate.allows(this.#host.now)) this.#pressedUntil = this.#host.now + PRESSURE;
    this.#refusals.set(digest, refusal);
    if (this.#refusals.size <= REFUSALS_KEPT) return;
    for (const oldest of this.#refusals.keys()) {
      this.#refusals.delete(oldest);
      return;
    }
  }

  #cookiesAt(now: Instant): Cookies {
    this.#cookies ??= new Cookies(this.#host.provider, now);
    return this.#cookies;
  }

  /** Two messages are one when every octet of them is, and where they came from (RFC 7296 §2.1). */
  #digestOf(datagram: Uint8Array, { remote }: Path): string {
    const port = Uint8Array.of(remote.port >> 8, remote.port & 0xff);
    return toHex(this.#host.provider.hash('sha256', remote.address, port, datagram).subarray(0, 16));
  }

  /** RFC 7296 §1.5, §2.21.4: to requests alone, in the clear, with nothing kept; an error is never answered with another. */
  #tellError(header: Header, path: Path, notifyType: number): void {
    if ((header.flags & HeaderFlag.RESPONSE) !== 0 || !this.#errors.allows(this.#host.now)) return;
    const { initiatorSpi, responderSpi, exchangeType, messageId } = header;
    const flags = HeaderFlag.RESPONSE | (~header.flags & HeaderFlag.INITIATOR);
    const payload = { type: PayloadType.Notify, protocol: 0, spi: EMPTY, notifyType, data: EMPTY } as const;
    const answer = encodeMessage({ initiatorSpi, responderSpi, exchangeType, flags, messageId }, [payload]);
    if (answer.length <= header.length) this.#host.transmit(answer, path);
  }
}
