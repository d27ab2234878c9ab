import { defaultProposals, type Proposal, weakKeywords } from '../crypto/proposal.ts';
import type { ChildConfig } from '../policy/connection.ts';
import type { ChildTimes } from '../policy/lifetimes.ts';
import { childKernelFrom, type InterfacesOfIke } from './child-kernel.ts';
import type { Report } from './report.ts';
import { CHILD } from './schema/child.ts';
import { checkSections, readSection } from './schema.ts';
import type { Section, Setting } from './section.ts';

/** The child that a section of `children` describes. What is wrong is reported; what could be read is returned. */
export function childFrom(section: Section, ofIke: InterfacesOfIke, report: Report): ChildConfig {
  const values = readSection(section, CHILD, report);
  checkSections(section, () => false, [], report);
  const { mode } = values;
  const lifetimes = lifetimesFrom(values);
  if (lifetimes.lifeTime > 0 && lifetimes.lifeTime <= values.rekey_time) {
    const at = (section.settings.get('life_time') ?? section.settings.get('rekey_time') ?? section).at;
    report.fail(
      'config/invalid-value',
      at,
      `child "${section.name}" would end before its keys are replaced`,
      'let life_time be longer than rekey_time',
    );
  }
  return {
    name: section.name,
    ...proposalsFrom(section, values.esp_proposals.flat(), values.ah_proposals.flat(), report),
    localTs: values.local_ts,
    remoteTs: values.remote_ts,
    mode: mode === 'transport_proxy' || mode === 'iptfs' ? 'tunnel' : mode,
    ...lifetimes,
    startAction: values.start_action,
    closeAction: values.close_action,
    dpdAction: values.dpd_action,
    ...(values.replay_window !== undefined && { replayWindow: values.replay_window }),
    tfcPadding: values.tfc_padding,
    reqid: values.reqid,
    ...(values.updown === undefined ? {} : { updown: values.updown }),
    hostAccess: values.hostaccess,
    inactivity: values.inactivity,
    ...(values.ipcomp && { ipcomp: true }),
    ...childKernelFrom(section, values, ofIke, report),
  };
}

/** Tells of algorithms that are weak but were asked for. */
export function warnOfWeakness(
  setting: Setting | undefined,
  proposals: readonly Proposal[],
  report: Report,
): void {
  const weak = [...new Set(proposals.flatMap(weakKeywords))];
  if (setting === undefined || weak.length === 0) return;
  report.warn(
    setting.at,
    `${setting.key} allows what is weak: ${weak.join(', ')}`,
    'remove it as soon as the peer can do better',
  );
}

function proposalsFrom(
  section: Section,
  esp: readonly Proposal[],
  ah: readonly Proposal[],
  report: Report,
): Pick<ChildConfig, 'protocol' | 'proposals'> {
  const ahSetting = section.settings.get('ah_proposals');
  const espSetting = section.settings.get('esp_proposals');
  if (ah.length > 0 && espSetting?.value !== undefined && ahSetting !== undefined) {
    report.fail(
      'local/unsupported',
      ahSetting.at,
      `child "${section.name}" asks for ESP and AH`,
      'give either esp_proposals or ah_proposals',
    );
  }
  warnOfWeakness(espSetting, esp, report);
  warnOfWeakness(ahSetting, ah, report);
  if (ah.length > 0) return { protocol: 'ah', proposals: ah };
  return { protocol: 'esp', proposals: esp.length > 0 ? esp : defaultProposals('esp') };
}

/** What is not given follows from what is: a tenth more for the end, their difference for the random part. */
function lifetimesFrom(values: {
  readonly rekey_time: number;
  readonly life_time: number | undefined;
  readonly rand_time: number | undefined;
  readonly rekey_bytes: bigint;
  readonly life_bytes: bigint | undefined;
  readonly rand_bytes: bigint | undefined;
  readonly rekey_packets: bigint;
  readonly life_packets: bigint | undefined;
  readonly rand_packets: bigint | undefined;
}): ChildTimes {
  const lifeTime = values.life_time ?? Math.round(values.rekey_time * 1.1);
  return {
    rekeyTime: values.rekey_time,
    lifeTime,
    randTime: values.rand_time ?? Math.max(0, lifeTime - values.rekey_time),
    rekeyBytes: values.rekey_bytes,
    lifeBytes: values.life_bytes ?? (values.rekey_bytes * 11n) / 10n,
    ...(values.rand_bytes !== undefined && { randBytes: values.rand_bytes }),
    rekeyPackets: values.rekey_packets,
    lifePackets: values.life_packets ?? (values.rekey_packets * 11n) / 10n,
    ...(values.rand_packets !== undefined && { randPackets: values.rand_packets }),
  };
}
