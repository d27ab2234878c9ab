import { encryptionOf, isAead } from '../crypto/encr/registry.ts';
import { integrityOf } from '../crypto/integ/registry.ts';
import { TransformType } from '../iana/ikev2.ts';
import { SequenceNumbers } from '../iana/transforms.ts';
import { equal } from '../lib/bytes.ts';
import { type ManualSa, sameKeys } from '../policy/manual-sa.ts';
import { resolveSelectors } from '../policy/narrowing.ts';
import type { DirectionKeys, IpsecAlgorithms } from '../policy/sa.ts';
import type { BlobSource } from './blobs.ts';
import { warnOfWeakness } from './child.ts';
import { kernelFrom } from './child-kernel.ts';
import { keysOf } from './manual-keys.ts';
import type { Report } from './report.ts';
import { MANUAL } from './schema/manual.ts';
import { checkSections, readSection, type Values } from './schema.ts';
import type { Section } from './section.ts';

export interface ManualContext {
  readonly report: Report;
  readonly blobs: BlobSource;
}

/** The SAs of a `manual` section. What is wrong is reported. */
export function manualSasFrom(section: Section | undefined, context: ManualContext): readonly ManualSa[] {
  const sections = [...(section?.sections.values() ?? [])];
  const sas = sections.flatMap(inner => manualSaFrom(inner, context) ?? []);
  sas.forEach((sa, i) => {
    const other = sas.slice(0, i).find(earlier => clash(earlier, sa) !== undefined);
    const key = other && clash(other, sa);
    if (other === undefined || key === undefined) return;
    const at = section?.sections.get(sa.name)?.settings.get(key)?.valueAt ?? (section as Section).at;
    context.report.fail(
      'config/invalid-value',
      at,
      `${key} of manual SA "${sa.name}" is that of "${other.name}"`,
      'give each SA an SPI of its own (RFC 4301 §4.1)',
    );
  });
  return sas;
}

/** Which SPI two SAs cannot both have. */
function clash(a: ManualSa, b: ManualSa): 'spi_in' | 'spi_out' | undefined {
  if (a.protocol !== b.protocol) return undefined;
  if (a.spiIn === b.spiIn) return 'spi_in';
  return a.spiOut === b.spiOut && equal(a.remote, b.remote) ? 'spi_out' : undefined;
}

/** The SA that one section describes; undefined, and failures, when it lacks something. */
export function manualSaFrom(section: Section, context: ManualContext): ManualSa | undefined {
  const { report } = context;
  const values = readSection(section, MANUAL, report);
  checkSections(section, () => false, [], report);
  if (Buffer.byteLength(section.name) > 255 || /[\p{Cc}/]/u.test(section.name)) {
    report.fail('config/invalid-value', section.at, 'the name of this manual SA cannot be used');
  }
  const { local_addr: local, remote_addr: remote, spi_in: spiIn, spi_out: spiOut } = values;
  for (const name of ['local_addr', 'remote_addr', 'spi_in', 'spi_out'] as const) {
    if (section.settings.get(name)?.value !== undefined) continue;
    report.fail(
      'config/missing',
      section.at,
      `manual SA "${section.name}" has no ${name}`,
      `add ${name} = …`,
    );
  }
  const chosen = algorithmsFrom(section, values, report);
  if (chosen === undefined) return undefined;
  const subject = { section, ...chosen, ...context };
  const [keysIn, keysOut] = [keysOf(subject, 'in'), keysOf(subject, 'out')];
  if (local !== undefined && remote !== undefined && local.length !== remote.length) {
    const at = section.settings.get('remote_addr')?.valueAt ?? section.at;
    report.fail('config/invalid-value', at, 'local_addr and remote_addr are of different IP versions');
  }
  if (keysIn === undefined || keysOut === undefined) return undefined;
  checkKeys(section, chosen.algorithms, keysIn, keysOut, report);
  tellOfDangers(section, values, report);
  if (local === undefined || remote === undefined || spiIn === undefined || spiOut === undefined)
    return undefined;
  return {
    name: section.name,
    ...chosen,
    mode: values.mode,
    local,
    remote,
    encap: values.encap,
    ...(values.local_port === undefined ? {} : { localPort: values.local_port }),
    remotePort: values.remote_port,
    spiIn,
    spiOut,
    keysIn,
    keysOut,
    localTs: resolveSelectors(values.local_ts, [local]),
    remoteTs: resolveSelectors(values.remote_ts, [remote]),
    replayWindow: values.replay_window,
    tfcPadding: values.tfc_padding,
    reqid: values.reqid,
    lifeTime: values.life_time,
    lifeBytes: values.life_bytes,
    lifePackets: values.life_packets,
    ...kernelFrom(values),
  };
}

type Chosen = Pick<ManualSa, 'protocol' | 'algorithms' | 'proposal'>;
type ManualValues = Values<typeof MANUAL>;

const COUNTER_MODE = 'i_dont_care_about_security_and_use_counter_mode_with_manual_keys';

/** One algorithm of each kind: there is nobody to choose among several. */
function algorithmsFrom(section: Section, values: ManualValues, report: Report): Chosen | undefined {
  const [espSetting, ahSetting] = [section.settings.get('esp'), section.settings.get('ah')];
  const setting = espSetting?.value === undefined ? ahSetting : espSetting;
  if (setting?.value === undefined) {
    const remedy = 'add esp = aes256-sha256, or ah = sha256';
    report.fail('config/missing', section.at, `manual SA "${section.name}" names no algorithms`, remedy);
    return undefined;
  }
  const fail = (summary: string, remedy: string): undefined =>
    void report.fail('config/invalid-value', setting.valueAt, summary, remedy);
  if (espSetting?.value !== undefined && ahSetting?.value !== undefined)
    return fail(`manual SA "${section.name}" names ESP and AH`, 'give either esp or ah');
  const proposals = values.esp ?? values.ah;
  if (proposals === undefined) return undefined;
  const [proposal] = proposals;
  const of = (type: number) => proposal?.transforms.filter(transform => transform.type === type) ?? [];
  const [encryption, integrity, sequence] = [
    of(TransformType.ENCR),
    of(TransformType.INTEG),
    of(TransformType.SN),
  ];
  const count = encryption.length + integrity.length + sequence.length;
  if (
    proposal === undefined ||
    proposals.length > 1 ||
    sequence.length > 1 ||
    encryption.length > 1 ||
    integrity.length > 1
  )
    return fail(
      `${setting.key} names several algorithms, and nobody chooses among them`,
      'name one of each kind',
    );
  if (count < proposal.transforms.length)
    return fail('with given keys there is no key exchange', 'leave its keyword out');
  if (sequence.some(({ id }) => id !== SequenceNumbers.SEQUENTIAL_32))
    return fail(
      'extended sequence numbers need both sides to know how often the number went round, which nobody keeps here (RFC 4303 §2.2.1)',
      'leave esn out',
    );
  const [cipher] = encryption;
  const algorithms: IpsecAlgorithms = {
    encryption: cipher?.id ?? 0,
    keyLength: cipher?.keyLength ?? 0,
    integrity: integrity[0]?.id ?? 0,
    esn: false,
  };
  if (isCounterMode(algorithms) && !values[COUNTER_MODE]) {
    fail(
      `${proposal.text} must not be used with manual keys: its nonces repeat when a host starts again, which gives plaintext and authentication away (RFC 8221 §3, RFC 4106 §2)`,
      `use aes256-sha256, or IKE; or else say ${COUNTER_MODE} = yes`,
    );
  }
  warnOfWeakness(setting, proposals, report);
  return { protocol: proposal.protocol === 'ah' ? 'ah' : 'esp', proposal: proposal.text, algorithms };
}

/** Ciphers and MACs that lose everything when a nonce comes twice under one key. */
function isCounterMode({ encryption, integrity }: IpsecAlgorithms): boolean {
  return (
    isAead(encryption) ||
    encryptionOf(encryption)?.mode === 'ctr' ||
    integrityOf(integrity)?.primitive.kind === 'gmac'
  );
}

/** One key for both directions lets packets be sent back as if the peer had sent them; in counter mode it repeats nonces at once. */
function checkKeys(
  section: Section,
  algorithms: IpsecAlgorithms,
  keysIn: DirectionKeys,
  keysOut: DirectionKeys,
  report: Report,
): void {
  const name = algorithms.encryption === 0 ? 'integrity_key_out' : 'encryption_key_out';
  const at = section.settings.get(name)?.valueAt ?? section.at;
  if (!sameKeys(keysIn, keysOut)) return;
  const remedy = 'give each direction keys of its own';
  const summary = `manual SA "${section.name}" has the same keys in both directions`;
  if (isCounterMode(algorithms))
    report.fail(
      'config/invalid-value',
      at,
      `${summary}, so that nonces repeat from the first packet on`,
      remedy,
    );
  else report.warn(at, `${summary}: a packet sent back passes for one of the peer's`, remedy);
}

function tellOfDangers(section: Section, values: ManualValues, report: Report): void {
  report.warnOnce(
    'manual SAs',
    section.at,
    'manual SAs keep their keys for ever: no rekeying, no forward secrecy, no protection against replayed packets (RFC 8221 §3, RFC 4303 §5)',
    'use a connection, with IKE, where the peer can',
  );
  const counterMode = section.settings.get(COUNTER_MODE);
  if (values[COUNTER_MODE] && counterMode !== undefined) {
    report.warn(
      counterMode.at,
      `whoever hears manual SA "${section.name}" before and after either host starts again can read and forge its packets`,
      'use aes256-sha256',
    );
  }
  const window = section.settings.get('replay_window');
  if (values.replay_window > 0 && window !== undefined) {
    report.warn(
      window.at,
      `when the peer starts again, manual SA "${section.name}" takes its packets for replays until it has sent as many as before (RFC 4303 §3.3.3)`,
      'leave replay_window out',
    );
  }
}
